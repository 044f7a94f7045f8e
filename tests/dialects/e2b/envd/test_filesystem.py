"""The service for files, of a real daemon, with a client that knows only Connect."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from connecting import Rpc, following

from interpreterd.contexts.local import LocalContexts
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.filesystem import FILESYSTEM_RPCS
from interpreterd.dialects.e2b.envd.rpc import RpcCall
from interpreterd.dialects.e2b.sandbox import Sandbox


async def ok(rpc: Rpc, method: str, **message: Any) -> Any:
    status, reply = await rpc.call(f"filesystem.Filesystem/{method}", **message)
    assert status == 200, reply
    return reply


async def test_directories_and_files(rpc: Rpc, tmp_path: Path) -> None:
    made = await ok(rpc, "MakeDir", path=f"{tmp_path}/a/b")
    assert (made["entry"]["type"], made["entry"]["path"]) == ("FILE_TYPE_DIRECTORY", f"{tmp_path}/a/b")
    (tmp_path / "a" / "ä.txt").write_text("hello")
    (tmp_path / "a" / "link").symlink_to("ä.txt")
    listed = await ok(rpc, "ListDir", path=f"{tmp_path}/a", depth=1)
    assert [it["name"] for it in listed["entries"]] == ["b", "link", "ä.txt"]
    link = listed["entries"][1]
    assert (link["type"], link["isSymlink"], link["symlinkTarget"]) == (
        "FILE_TYPE_FILE",
        True,
        f"{tmp_path}/a/ä.txt",
    )
    moved = await ok(rpc, "Move", source=f"{tmp_path}/a/ä.txt", destination=f"{tmp_path}/c/d")
    found = await ok(rpc, "Stat", path=f"{tmp_path}/c/d")
    assert moved == found
    entry = found["entry"]
    assert (entry["size"], entry["permissions"], entry["owner"]) == ("5", "-rw-r--r--", (tmp_path / "c" / "d").owner())
    assert entry["modifiedTime"].endswith("Z")
    assert await ok(rpc, "Remove", path=f"{tmp_path}/a") == {}
    assert await ok(rpc, "Remove", path=f"{tmp_path}/a") == {}
    assert os.listdir(tmp_path) == ["c"]


async def test_a_large_directory(rpc: Rpc, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}").touch()
    listed = await ok(rpc, "ListDir", path=str(tmp_path))
    assert [it["name"] for it in listed["entries"]] == [f"{number:03}" for number in range(300)]


@pytest.mark.parametrize(
    ("method", "message", "status", "code"),
    [
        ("Stat", {"path": "/nowhere/at/all"}, 404, "not_found"),
        ("Stat", {"path": "a\0b"}, 400, "invalid_argument"),
        ("ListDir", {"path": "/etc/passwd"}, 400, "invalid_argument"),
        ("ListDir", {"path": "/nowhere"}, 404, "not_found"),
        ("MakeDir", {"path": "/etc"}, 409, "already_exists"),
        ("Move", {"source": "/nowhere/at/all", "destination": "/tmp/x"}, 404, "not_found"),
        ("Remove", {"path": "/"}, 400, "invalid_argument"),
        ("CreateWatcher", {"path": "/nowhere"}, 404, "not_found"),
        ("CreateWatcher", {"path": "/etc/passwd"}, 400, "invalid_argument"),
        ("GetWatcherEvents", {"watcherId": "x" * 10_000}, 404, "not_found"),
        ("RemoveWatcher", {}, 404, "not_found"),
    ],
)
async def test_errors_are_connects(rpc: Rpc, method: str, message: Any, status: int, code: str) -> None:
    found, error = await rpc.call(f"filesystem.Filesystem/{method}", **message)
    assert (found, error["code"]) == (status, code)
    assert len(error["message"]) < 500


async def test_a_stream_tells_what_happens(rpc: Rpc, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    request = {"path": str(tmp_path), "recursive": True, "includeEntry": True}
    async with rpc.open("filesystem.Filesystem/WatchDir", request) as response:
        events = following(response)
        assert await anext(events) == {"start": {}}
        (tmp_path / "sub" / "new").touch()
        told = (await anext(events))["filesystem"]
        assert (told["name"], told["type"], told["entry"]["type"]) == ("sub/new", "EVENT_TYPE_CREATE", "FILE_TYPE_FILE")


async def test_a_watcher_keeps_what_happens(rpc: Rpc, tmp_path: Path) -> None:
    watcher = await ok(rpc, "CreateWatcher", path=str(tmp_path))
    (tmp_path / "new").touch()
    names: list[str] = []
    while "new" not in names:
        names += [it["name"] for it in (await ok(rpc, "GetWatcherEvents", **watcher)).get("events", [])]
    assert await ok(rpc, "RemoveWatcher", **watcher) == {}
    status, _ = await rpc.call("filesystem.Filesystem/GetWatcherEvents", **watcher)
    assert status == 404


async def test_a_directory_that_cannot_be_watched_ends_the_stream(rpc: Rpc) -> None:
    (end,) = await rpc.stream("filesystem.Filesystem/WatchDir", {"path": "/nowhere"})
    assert end["error"]["code"] == "not_found"


async def test_a_stream_of_which_events_are_lost_ends_so(service: LocalContexts, play: Any) -> None:
    method = FILESYSTEM_RPCS["WatchDir"]
    assert method.stream is not None
    stream = method.stream(Sandbox(service), method.request(), RpcCall(None, None))
    async with contextlib.aclosing(stream):
        starting = asyncio.ensure_future(anext(stream))
        player = await play()
        await player.ask("ready")
        await starting
        player.worker.write('{"name": "", "type": "lost"}\n')
        with pytest.raises(EnvdRefused, match="some events are lost") as raised:
            await anext(stream)
    assert raised.value.connect_code == "resource_exhausted"
