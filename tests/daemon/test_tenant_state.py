"""What contexts keep belongs to their tenants: forks, checkpoints, archives; with quotas, audit log and metrics."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import frozen
from harness import PREFIX
from standing import shared_daemon
from tenancy import Tokens, write_tokens

UNKNOWN = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"
TABLES = """
[tenants.small]
max-contexts = 3
archives-total-bytes = "64K"
"""
CONTEXT_VERBS = (
    ("POST", "/fork", {}),
    ("POST", "/checkpoints", {}),
    ("GET", "/checkpoints", None),
    ("DELETE", "/checkpoints/CHECKPOINT", None),
    ("POST", "/restore", {"checkpoint": "CHECKPOINT"}),
    ("POST", "/undo", {}),
    ("POST", "/archive", {}),
    ("POST", "/hibernate", {}),
)
ARCHIVE_VERBS = (("GET", ""), ("DELETE", ""), ("GET", "/content"))


@frozen
class Serving:
    """A daemon with tokens."""

    url: str
    tokens: Tokens
    audit: Path

    async def ask(self, name: str, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Return status and body of a request with the token ``name``."""
        async with (
            aiohttp.ClientSession(headers=self.tokens.headers(name)) as http,
            http.request(method, self.url + PREFIX + path, json=body) as response,
        ):
            return response.status, await response.json()

    async def done(self, name: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the body of a request that must succeed."""
        status, told = await self.ask(name, method, path, body)
        assert status == 200, told
        return told

    async def run(self, name: str, context: str, code: str) -> str:
        """Run ``code``; return its stdout."""
        told = await self.done(name, "POST", "/execute", {"code": code, "contextId": context})
        assert told["error"] is None, told
        return str(told["stdout"])

    async def metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        async with (
            aiohttp.ClientSession(headers=self.tokens.headers("admin")) as http,
            http.get(self.url + "/metrics") as response,
        ):
            lines = (await response.text()).splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"interpreterd_{name} "))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("tenants")
    tokens = write_tokens(
        folder / "tokens",
        TABLES,
        acme="tenant acme",
        globex="tenant globex",
        small="tenant small",
        reader="read acme",
        admin="admin",
    )
    flags = (
        "--token-file",
        str(tokens.path),
        "--state-dir",
        str(folder / "state"),
        "--audit-log",
        str(folder / "log1"),
    )
    with shared_daemon(folder, *flags) as daemon:
        yield Serving(daemon.url, tokens, folder / "log1")


@pytest.fixture(autouse=True)
async def tidy(serving: Serving) -> AsyncIterator[None]:
    """Delete what a test has left."""
    yield
    for context in (await serving.done("admin", "GET", "/context"))["contexts"]:
        await serving.done("admin", "DELETE", f"/context/{context['id']}")
    for archive in (await serving.done("admin", "GET", "/archives"))["archives"]:
        await serving.done("admin", "DELETE", f"/archives/{archive['archiveId']}")


async def made(serving: Serving, name: str, code: str = "x = 1") -> str:
    context = str((await serving.done(name, "POST", "/context", {}))["id"])
    await serving.run(name, context, code)
    return context


async def test_nothing_that_another_tenant_keeps_is_found(serving: Serving) -> None:
    context = await made(serving, "acme")
    checkpoint = (await serving.done("acme", "POST", f"/context/{context}/checkpoints", {}))["id"]
    archive = (await serving.done("acme", "POST", f"/context/{context}/archive", {"name": "a"}))["archiveId"]
    for method, verb, body in CONTEXT_VERBS:
        answers = []
        for one in (context, UNKNOWN):
            named = json.loads(json.dumps(body).replace("CHECKPOINT", checkpoint))
            status, told = await serving.ask(
                "globex", method, f"/context/{one}{verb.replace('CHECKPOINT', checkpoint)}", named
            )
            answers.append((status, json.dumps(told).replace(one, "…")))
        assert answers[0] == answers[1], verb
        assert answers[0][0] == 404, verb
    for method, verb in ARCHIVE_VERBS:
        answers = []
        for one in (archive, UNKNOWN):
            status, told = await serving.ask("globex", method, f"/archives/{one}{verb}")
            answers.append((status, json.dumps(told).replace(one, "…")))
        assert answers[0] == answers[1], verb
        assert answers[0][0] == 404, verb
    for one in (archive, "a"):
        status, told = await serving.ask("globex", "POST", "/context", {"archive": one})
        assert (status, told["code"]) == (404, "archive_not_found")
    assert (await serving.done("globex", "GET", "/archives"))["archives"] == []
    own = await made(serving, "globex")
    status, _ = await serving.ask("globex", "POST", f"/context/{own}/restore", {"checkpoint": checkpoint})
    assert status == 404, "a checkpoint of another context"
    assert await serving.run("acme", context, "print(x)") == "1\n"


async def test_forks_belong_to_the_originals_tenant_and_count_for_it(serving: Serving) -> None:
    context = await made(serving, "small")
    status, told = await serving.ask("small", "POST", f"/context/{context}/fork", {"count": 3})
    assert (status, told["code"]) == (429, "quota_reached")
    assert "max-contexts is 3" in told["error"]
    assert len((await serving.done("small", "GET", "/context"))["contexts"]) == 1, "all or nothing"
    made_by_admin = (await serving.done("admin", "POST", f"/context/{context}/fork", {"count": 2}))["contexts"]
    assert {it["tenant"] for it in made_by_admin} == {"small"}
    ids = [it["id"] for it in (await serving.done("small", "GET", "/context"))["contexts"]]
    assert ids == [context, *(it["id"] for it in made_by_admin)]
    assert await serving.run("small", ids[2], "print(x)") == "1\n"


async def test_a_fork_of_a_default_context_is_named_so(serving: Serving) -> None:
    await serving.run("acme", "default", "y = 2")
    (fork,) = (await serving.done("acme", "POST", "/context/default/fork", {}))["contexts"]
    assert fork["forkedFrom"] == "default"
    archive = await serving.done("acme", "POST", "/context/default/archive", {})
    assert archive["contextId"] == "default"
    assert (await serving.done("acme", "GET", f"/context/{fork['id']}"))["forkedFrom"] == "default"


async def test_a_reader_lists_and_has_neither_data_nor_changes(serving: Serving) -> None:
    context = await made(serving, "acme")
    checkpoint = (await serving.done("acme", "POST", f"/context/{context}/checkpoints", {}))["id"]
    archive = (await serving.done("acme", "POST", f"/context/{context}/archive", {}))["archiveId"]
    listed = (await serving.done("reader", "GET", f"/context/{context}/checkpoints"))["checkpoints"]
    assert [it["id"] for it in listed] == [checkpoint]
    assert [it["archiveId"] for it in (await serving.done("reader", "GET", "/archives"))["archives"]] == [archive]
    await serving.done("reader", "GET", f"/archives/{archive}")
    refused = [(method, f"/context/{context}{verb}", body) for method, verb, body in CONTEXT_VERBS if method != "GET"]
    refused += [("POST", "/context", {"archive": archive}), ("DELETE", f"/archives/{archive}", None)]
    refused += [("GET", f"/archives/{archive}/content", None), ("PUT", f"/archives/{archive}/content", None)]
    for method, path, body in refused:
        status, told = await serving.ask("reader", method, path, body)
        assert (status, told["code"]) == (403, "forbidden"), path


async def test_names_of_archives_are_each_tenants_own(serving: Serving) -> None:
    for name, value in (("acme", 1), ("globex", 2)):
        context = await made(serving, name, f"x = {value}")
        told = await serving.done(name, "POST", f"/context/{context}/archive", {"name": "model"})
        assert "tenant" not in told
    for name, value in (("acme", 1), ("globex", 2)):
        context = (await serving.done(name, "POST", "/context", {"archive": "model"}))["id"]
        assert await serving.run(name, context, "print(x)") == f"{value}\n"
    seen = (await serving.done("admin", "GET", "/archives"))["archives"]
    assert [it["tenant"] for it in seen] == ["acme", "globex"]
    loaded = await serving.done("admin", "POST", "/context", {"archive": seen[0]["archiveId"]})
    assert await serving.run("admin", loaded["id"], "print(x)") == "1\n"


async def test_archives_beyond_the_quota_are_refused_and_leave_nothing(serving: Serving) -> None:
    context = await made(serving, "small", "import os; x = os.urandom(30_000)")
    first = await serving.done("small", "POST", f"/context/{context}/archive", {})
    await serving.run("small", context, "x = os.urandom(50_000)")
    status, told = await serving.ask("small", "POST", f"/context/{context}/archive", {})
    assert (status, told["code"]) == (429, "quota_reached")
    assert "archives-total-bytes is 64 KiB" in told["error"]
    kept = (await serving.done("small", "GET", "/archives"))["archives"]
    assert [it["archiveId"] for it in kept] == [first["archiveId"]]
    assert await serving.metric("archive_bytes") == first["bytes"]
    await serving.done("small", "DELETE", f"/archives/{first['archiveId']}")
    await serving.done("small", "POST", f"/context/{context}/archive", {})


async def test_everything_is_counted_and_written_down(serving: Serving) -> None:
    names = ("forks", "checkpoints_taken", "restores", "undos", "archives_written", "archives_loaded", "hibernations")
    before = {name: await serving.metric(f"{name}_total") for name in (*names, "wakes")}
    context = await made(serving, "acme")
    path = f"/context/{context}"
    await serving.done("acme", "POST", f"{path}/fork", {"count": 2})
    checkpoint = (await serving.done("acme", "POST", f"{path}/checkpoints", {}))["id"]
    assert await serving.metric("checkpoints") == 1
    assert await serving.metric("checkpoint_memory_bytes") > 0
    stats = await serving.done("acme", "GET", f"{path}/stats")
    assert (stats["checkpoints"], stats["processes"]) == (1, 2)
    assert stats["checkpointBytes"] > 0
    assert (await serving.done("acme", "GET", "/stats"))["total"]["checkpoints"] == 1
    await serving.done("acme", "POST", f"{path}/restore", {"checkpoint": checkpoint})
    await serving.done("acme", "DELETE", f"{path}/checkpoints/{checkpoint}")
    await serving.done("acme", "POST", "/execute", {"code": "x = 2", "contextId": context, "checkpoint": True})
    await serving.done("acme", "POST", f"{path}/undo")
    archive = (await serving.done("acme", "POST", f"{path}/archive", {"name": "secret name"}))["archiveId"]
    assert await serving.metric("archives") == 1
    await serving.done("acme", "POST", "/context", {"archive": archive})
    await serving.done("acme", "POST", f"{path}/hibernate")
    assert await serving.run("acme", context, "print(x)") == "1\n"
    await serving.done("acme", "DELETE", f"/archives/{archive}")
    grown = {name: await serving.metric(f"{name}_total") - before[name] for name in before}
    assert grown["archives_written"] in (1, 2), "hibernation writes one, too"
    assert grown["archives_loaded"] in (1, 2)
    del grown["archives_written"], grown["archives_loaded"]
    assert grown == {
        "forks": 2,
        "checkpoints_taken": 2,
        "restores": 1,
        "undos": 1,
        "hibernations": 1,
        "wakes": 1,
    }
    await serving.done("acme", "DELETE", path)
    text = ""
    while f'"context.deleted","contextId":"{context}"' not in text.replace(" ", ""):  # it is written a moment later
        text = serving.audit.read_text()
    lines = [it for it in map(json.loads, text.splitlines()) if it.get("contextId") == context or "archiveId" in it]
    found = {it["event"]: it for it in lines if it["tenant"] == "acme"}
    wanted = {
        "context.forked",
        "checkpoint.taken",
        "checkpoint.deleted",
        "context.restored",
        "context.archived",
        "context.loaded",
        "context.hibernated",
        "context.woken",
        "archive.deleted",
    }
    assert wanted <= found.keys()
    assert all("requestId" in found[name] for name in wanted)
    assert found["context.forked"]["copies"] == 2
    assert "secret name" not in text
