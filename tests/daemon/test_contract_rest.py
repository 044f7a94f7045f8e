"""The contract's REST routes: their answers and their errors."""

import json
import re
import sys
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import PREFIX, Client, Daemon

from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.workers.directory import check_directory

StartDaemon = Callable[..., Awaitable[Daemon]]
CREATED_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")  # RFC 3339, UTC
EXTENSIONS = {"state", "lastUsedAt", "executionCount", "queued", "metadata", "isolation"}


# POST /context


async def test_create_answers_with_the_context(client: Client, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    status, body = await client.request("POST", "/context", json={"cwd": str(tmp_path), "language": "python"})
    created_at = body.pop("createdAt")
    assert CREATED_AT.fullmatch(created_at)
    assert before <= datetime.fromisoformat(created_at) <= datetime.now(UTC)
    assert uuid.UUID(context := body.pop("id")).version == 4
    contract = {"cwd": str(tmp_path), "language": "python", "active": True}
    assert (status, {key: body[key] for key in contract}) == (200, contract)
    assert body.keys() - contract.keys() == EXTENSIONS
    assert (await client.run("import os; print(os.getcwd())", context)).stdout == f"{tmp_path}\n"


async def test_create_takes_whatever_means_an_empty_object(own_client: Client, tmp_path: Path) -> None:
    bodies = [None, b"", b" \n", b"{}", b'{"cwd": null, "language": null}', b'{"cwd": "", "language": ""}']
    answers = [await own_client.request("POST", "/context", data=body) for body in bodies]
    seen = [(status, context["cwd"], context["language"]) for status, context in answers]
    assert seen == [(200, str(tmp_path), "python")] * len(bodies)


async def test_create_takes_json_whatever_its_content_type(client: Client, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    body = json.dumps({"cwd": str(tmp_path / "project")})
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", "?"):
        status, context = await client.request("POST", "/context", data=body, headers={"Content-Type": content_type})
        assert (status, context["cwd"]) == (200, str(tmp_path / "project"))


async def test_create_ignores_unknown_keys_and_logs_them_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--log-level", "debug")
    async with Client(daemon.url) as client:
        assert (await client.request("POST", "/context", json={"labels": {"a": 1}, "": None}))[0] == 200
    await daemon.stop()
    assert daemon.log.count(b"labels") == 1


async def test_create_refuses_a_language_that_is_not_python(client: Client) -> None:
    for language in ("javascript", "Python", "python3", " "):
        assert await client.request("POST", "/context", json={"language": language}) == (
            400,
            {"error": "Unsupported language. Only 'python' is supported.", "code": "unsupported_language"},
        )


async def test_create_refuses_a_body_that_is_no_object_or_has_a_wrong_type(own_client: Client) -> None:
    errors = {
        b"{": "the body must be JSON",
        b"cwd=/tmp": "the body must be JSON",
        b'{"cwd": "\xff"}': "the body must be JSON",
        b'{"cwd": "\\ud800"}': "the body must be JSON",
        b"[" * 200_000: "the body must be JSON",
        b"[]": "the body must be a JSON object",
        b"null": "the body must be a JSON object",
        b'"python"': "the body must be a JSON object",
        b'{"cwd": 1}': "cwd must be a string",
        b'{"language": ["python"]}': "language must be a string",
    }
    for body, error in errors.items():
        status, answer = await own_client.request("POST", "/context", data=body)
        assert (status, answer["code"]) == (400, "malformed_request")
        assert answer["error"].startswith(error)
    assert (await own_client.request("GET", "/contexts"))[1] == {"contexts": []}


async def test_create_refuses_a_cwd_that_cannot_be(client: Client, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    errors = {
        f"{tmp_path}/missing": f"Working directory does not exist: {tmp_path}/missing",
        f"{tmp_path}/file": f"Working directory is not a directory: {tmp_path}/file",
        "some/where": "Working directory is not an absolute path: some/where",
        "~": "Working directory is not an absolute path: ~",
        "/a\0b": "Working directory does not exist: /a\0b",
    }
    for cwd, error in errors.items():
        answer = await client.request("POST", "/context", json={"cwd": cwd})
        assert answer == (400, {"error": error, "code": "invalid_cwd"})


def test_create_refuses_a_cwd_that_cannot_be_entered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The test calls the function itself, because the tests may run as root, which can enter every directory."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InvalidWorkingDirectory, match=f"^working directory cannot be entered: {tmp_path}$"):
        check_directory(str(tmp_path))


async def test_create_fails_with_the_reason_if_the_worker_cannot_start(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--python", "no-such-python")
    async with Client(daemon.url) as client:
        status, body = await client.request("POST", "/context", json={})
        assert (status, body["code"]) == (500, "worker_start_failed")
        assert body["error"].endswith(": no-such-python not found")
        assert (await client.request("GET", "/contexts"))[1] == {"contexts": []}


async def test_create_beyond_the_limit_of_the_daemon_is_refused(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--max-contexts", "1")
    async with Client(daemon.url) as client:
        context = await client.create()
        async with client.http.post(client.base + "/context") as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) > 0
            assert await response.json() == {"error": "Too many contexts: the limit is 1", "code": "limit_reached"}
        await client.request("DELETE", f"/context/{context}")
        await client.create()


# GET /contexts, GET /context, GET /context/{id}


async def test_contexts_lists_all_and_context_all_but_the_default_oldest_first(own_client: Client) -> None:
    assert await own_client.request("GET", "/contexts") == (200, {"contexts": []})
    one = await own_client.create()
    await own_client.run("pass")
    two = await own_client.create()
    _, everything = await own_client.request("GET", "/contexts")
    _, created = await own_client.request("GET", "/context")
    assert [context["id"] for context in everything["contexts"]] == [one, "default", two]
    assert created == {"contexts": [context for context in everything["contexts"] if context["id"] != "default"]}
    shape = {"id", "cwd", "language", "createdAt", "active", *EXTENSIONS}
    assert [set(context) for context in everything["contexts"]] == [shape] * 3


async def test_get_one_context(own_client: Client) -> None:
    _, created = await own_client.request("POST", "/context")
    assert await own_client.request("GET", f"/context/{created['id']}") == (200, created)


async def test_unknown_ids_are_not_found(own_client: Client) -> None:
    for method, path in (
        ("GET", "/context/no such"),
        ("GET", "/context/default"),
        ("DELETE", "/context/no such"),
        ("POST", "/context/no such/interrupt"),
    ):
        name = path.split("/")[2]
        expected = {"error": f"Context not found: {name}", "code": "context_not_found"}
        assert await own_client.request(method, path) == (404, expected)


# DELETE /context/{id}


async def test_delete_ends_the_context(own_client: Client) -> None:
    context = await own_client.create()
    assert await own_client.request("DELETE", f"/context/{context}") == (
        200,
        {"message": "Context deleted successfully"},
    )
    assert (await own_client.request("GET", f"/context/{context}"))[0] == 404
    assert (await own_client.request("GET", "/contexts"))[1] == {"contexts": []}


async def test_the_default_context_cannot_be_deleted_not_even_before_its_first_use(own_client: Client) -> None:
    expected = {"error": "Cannot delete default context", "code": "default_context"}
    assert await own_client.request("DELETE", "/context/default") == (400, expected)
    await own_client.run("pass")
    assert await own_client.request("DELETE", "/context/default") == (400, expected)


# Every error is JSON and never empty


async def test_what_has_no_route_is_a_json_error(client: Client) -> None:
    assert await client.request("GET", "/nowhere") == (
        404,
        {"error": f"Not Found: GET {PREFIX}/nowhere", "code": "not_found"},
    )
    async with client.http.put(client.base + "/context") as response:
        assert response.status == 405
        assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}
        assert await response.json() == {
            "error": f"Method Not Allowed: PUT {PREFIX}/context",
            "code": "method_not_allowed",
        }


async def test_an_expectation_that_is_not_known_is_ignored(own_client: Client) -> None:
    assert await own_client.request("GET", "/contexts", headers={"Expect": "tea"}) == (200, {"contexts": []})
    assert (await own_client.request("POST", "/context", headers={"Expect": "tea"}, data=b"{"))[0] == 400
    assert (await own_client.request("POST", "/context", json={}, expect100=True))[0] == 200


async def test_execute_without_an_upgrade_asks_for_one(client: Client) -> None:
    async with client.http.get(client.base + "/execute") as response:
        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"
        assert response.headers["Connection"].lower() == "upgrade"
        assert response.headers["Sec-WebSocket-Version"] == "13"
        body = await response.json()
        assert (bool(body["error"]), body["code"]) == (True, "upgrade_required")


# Routes beside the API


async def get(client: Client, path: str) -> tuple[int, Any]:
    async with client.http.get(client.url + path) as response:
        return response.status, await response.json()


async def test_health_answers_while_it_lives(client: Client) -> None:
    status, body = await get(client, "/health")
    assert (status, body["status"]) == (200, "ok")
    assert set(body) <= {"status", "isolation"}


async def test_version_names_the_daemon_its_python_and_the_workers(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--python", sys.executable)
    async with Client(daemon.url) as client:
        status, body = await get(client, "/version")
    python = ".".join(map(str, sys.version_info[:3]))
    assert (status, body["python"]) == (200, python)
    assert re.fullmatch(r"\d+\.\d+.*", body["version"])
    assert body["worker"] == {"executable": sys.executable, "python": python}


async def test_version_says_why_there_is_no_interpreter_for_workers(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--python", "no-such-python")
    async with Client(daemon.url) as client:
        assert (await get(client, "/version"))[1]["worker"] == {"error": "no-such-python not found"}


@pytest.mark.parametrize("base_path", ["/api/v1/toolbox", "proxy/"])
async def test_everything_is_also_served_below_the_base_path(start_daemon: StartDaemon, base_path: str) -> None:
    daemon = await start_daemon("--base-path", base_path)
    for prefix in ("", "/" + base_path.strip("/")):
        async with Client(daemon.url + prefix) as client:
            context = await client.create()
            assert (await client.run("print(1)", context)).stdout == "1\n"
            assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
            assert (await get(client, "/health"))[0] == 200
            assert (await get(client, "/version"))[0] == 200
            assert (await get(client, "/openapi.json"))[0] == 200
            assert (await get(client, "/asyncapi.json"))[0] == 200
    async with Client(daemon.url + "/elsewhere") as client:
        assert (await client.request("GET", "/contexts"))[0] == 404
