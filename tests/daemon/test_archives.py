"""Archives of contexts, as clients see them: kept, carried away, loaded; and what happens when that is not possible."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from archiving import BAD, STATE, Standing, Start, archived, at, content, ids, loaded
from harness import Client, Gate
from soon import soon
from standing import SharedDaemon

PIPES = """
import os
def pipes():
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try: found[os.readlink(f"/proc/self/fd/{fd}")] = fd
        except OSError: pass
    return found
before = pipes()
"""
FORGE = """for name, fd in pipes().items():
            if name.startswith("pipe:") and name not in before: os.write(fd, b"forged")
        return int, ()
"""


def directory(daemon: SharedDaemon) -> Path:
    """Return its state directory, if that is ``STATE``."""
    return Path(os.readlink(f"/proc/{daemon.pid}/cwd")) / "state"


@pytest.fixture
async def keeper(standing: Standing) -> AsyncIterator[Client]:
    """Yield a client of a daemon that many tests share; they have its archives together."""
    async with at(standing(*STATE)) as client:
        yield client
        for archive in await ids(client):
            await client.request("DELETE", f"/archives/{archive}")


async def contexts(client: Client) -> int:
    return len((await client.request("GET", "/contexts"))[1]["contexts"])


async def soon_busy(client: Client, context: str) -> None:
    while (await client.request("GET", f"/context/{context}"))[1]["state"] != "busy":
        pass


async def test_a_context_goes_on_in_another_one(keeper: Client) -> None:
    archive = await archived(keeper)
    assert set(archive["saved"]) == {"math", "data", "same", "total"}
    for named in (archive["archiveId"], "n"):
        context = await loaded(keeper, named, cwd="/")
        assert context["restored"] == {
            "archiveId": archive["archiveId"],
            "saved": archive["saved"],
            "skipped": [],
        }
        code = "data.append(4); print(total(), same is data); import os; print(os.getcwd())"
        assert (await keeper.run(code, context["id"])).stdout == "12 True\n/\n"
    assert await ids(keeper) == [archive["archiveId"]]
    assert (await keeper.request("GET", f"/archives/{archive['archiveId']}"))[1] == archive
    assert (await keeper.request("DELETE", f"/archives/{archive['archiveId']}"))[0] == 200
    assert await ids(keeper) == []
    assert (await keeper.request("POST", "/context", json={"archive": "n"}))[0] == 404


async def test_a_restart_of_such_a_context_begins_anew(keeper: Client) -> None:
    await archived(keeper)
    context = (await loaded(keeper, "n"))["id"]
    assert (await keeper.request("POST", f"/context/{context}/restart"))[0] == 200
    result = await keeper.run("data", context)
    assert result.error is not None
    assert result.error["name"] == "NameError"


async def test_an_archive_is_carried_to_a_daemon_that_has_the_key(
    keeper: Client, standing: Standing, start_daemon: Start, tmp_path: Path
) -> None:
    archive = await archived(keeper)
    data = await content(keeper, archive["archiveId"])
    (tmp_path / "other").mkdir(mode=0o700)
    shutil.copy(directory(standing(*STATE)) / "key", tmp_path / "other" / "key")
    async with at(await start_daemon("--state-dir", "other")) as client:
        path = f"/archives/{archive['archiveId']}/content"
        for _ in range(2):  # the second time it is there already
            assert await client.request("PUT", path, data=data) == (200, archive)
        context = (await loaded(client, archive["archiveId"]))["id"]
        assert (await client.run("print(total())", context)).stdout == "8\n"
        part = {"Range": f"bytes=8-{len(data) - 9}"}
        async with client.http.get(client.base + path, headers=part) as response:
            assert (response.status, await response.read()) == (206, data[8:-8])
            tag = response.headers["ETag"]
        async with client.http.get(client.base + path, headers={"If-None-Match": tag}) as response:
            assert response.status == 304


async def test_what_is_no_archive_of_ours_leaves_nothing(keeper: Client, start_daemon: Start, tmp_path: Path) -> None:
    archive = await archived(keeper)
    data = await content(keeper, archive["archiveId"])
    async with at(await start_daemon("--state-dir", "other")) as client:
        assert (tmp_path / "other").stat().st_mode & 0o7777 == 0o700
        path = f"/archives/{archive['archiveId']}/content"
        for sent, why in (
            (data, "is foreign: it was signed with another key"),
            (data[:-1], "is corrupt: its end is missing"),
            (data[:100] + bytes([data[100] ^ 1]) + data[101:], "is "),
            (b"", "is corrupt: it does not begin as an archive does"),
        ):
            status, body = await client.request("PUT", path, data=sent)
            assert (status, body["code"]) == (400, "archive_refused")
            assert body["error"].startswith("The archive that was sent " + why)
        for method, unknown in (("GET", path), ("DELETE", path.removesuffix("/content"))):
            async with client.http.request(method, client.base + unknown) as response:
                assert (response.status, (await response.json())["code"]) == (404, "archive_not_found")
        assert await ids(client) == []
        await soon(lambda: os.listdir(tmp_path / "other" / "archives") == [])


async def test_a_damaged_archive_makes_no_context(keeper: Client, standing: Standing) -> None:
    archive = await archived(keeper)
    path = directory(standing(*STATE)) / "archives" / archive["archiveId"]
    whole = path.read_bytes()
    there = await contexts(keeper)
    for damaged in (whole[:30] + b"\0\0" + whole[32:], whole[:-20], whole[:20]):
        path.write_bytes(damaged)
        status, body = await keeper.request("POST", "/context", json={"archive": archive["archiveId"]})
        assert (status, body["code"]) == (400, "archive_refused")
        assert body["error"].startswith(f"The archive {archive['archiveId']} is corrupt: ")
    assert await contexts(keeper) == there
    path.write_bytes(whole)
    await loaded(keeper, archive["archiveId"])


async def test_a_daemon_without_a_directory_names_the_flag(client: Client) -> None:
    context = await client.create()
    for method, path, body in (
        ("POST", f"/context/{context}/archive", {}),
        ("POST", "/context", {"archive": "n"}),
        ("GET", "/archives", None),
        ("GET", "/archives/a", None),
        ("DELETE", "/archives/a", None),
        ("GET", "/archives/a/content", None),
        ("PUT", "/archives/a/content", None),
    ):
        status, answer = await client.request(method, path, json=body)
        assert (status, answer["code"]) == (409, "no_state_directory"), path
        assert "--state-dir" in answer["error"]


async def test_a_worker_that_dies_meanwhile_is_told(keeper: Client) -> None:
    context = await keeper.create()
    await keeper.run(BAD.format("os.kill(os.getpid(), signal.SIGKILL)") + "bad = Bad()", context)
    status, body = await keeper.request("POST", f"/context/{context}/archive", json={})
    assert (status, body["code"]) == (500, "operation_failed")
    assert await ids(keeper) == []
    assert (await keeper.run("print(1)", context)).stdout == "1\n"


async def test_code_that_writes_into_its_own_archive_spoils_only_that(keeper: Client) -> None:
    context = await keeper.create()
    code = PIPES + BAD.format(FORGE) + "bad = Bad()"
    await keeper.run(code, context)
    status, body = await keeper.request("POST", f"/context/{context}/archive", json={})
    assert status != 200, body
    assert await ids(keeper) == []
    assert (await keeper.run("print(1)", context)).stdout == "1\n"


async def test_an_archive_waits_for_its_turn(keeper: Client, gate: Gate) -> None:
    context = await keeper.create()
    async with keeper.running(gate.wait + "; late = 1", contextId=context) as running:
        await soon_busy(keeper, context)
        asking = asyncio.create_task(keeper.request("POST", f"/context/{context}/archive", json={}))
        gate.open()
        await running.finish()
        assert (await asking)[1]["saved"] == ["os", "late"]
