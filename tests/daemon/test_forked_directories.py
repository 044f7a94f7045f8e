"""Forks with a directory of their own, without isolation: where it is, and how long it stays."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Client, Daemon
from standing import SharedDaemon

StartDaemon = Callable[..., Awaitable[Daemon]]
Standing = Callable[..., SharedDaemon]


async def forked(client: Client, context: str, **keys: Any) -> list[dict[str, Any]]:
    """Return the forks of a context, which have directories of their own."""
    status, body = await client.request("POST", f"/context/{context}/fork", json={"cwd": "copy", **keys})
    assert status == 200, body
    return list(body["contexts"])


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a context's directory, with a file."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "file").write_text("original")
    return tmp_path.resolve() / "work"


async def test_each_fork_has_its_copy_beside_the_original_as_long_as_it_is_there(
    standing: Standing, work: Path
) -> None:
    async with Client(standing().url) as client:
        original = await client.create(cwd=str(work))
        await client.run("import sys; sys.path.insert(0, '.'); file = open('file')", original)
        forks = await forked(client, original, count=2)
        assert [it["cwd"] for it in forks] == [f"{work}.fork-{it['id'][:8]}" for it in forks]
        for number, fork in enumerate(forks):
            code = f"open('file', 'w').write('{number}'); print(open('file').read(), file.read())"
            assert (await client.run(code, fork["id"])).stdout == f"{number} original\n", (
                "an open file stays what it was"
            )
        assert (await client.run("print(open('file').read())", original)).stdout == "original\n"
        await client.request("DELETE", f"/context/{original}")
        assert len(os.listdir(work.parent)) == 3
        for fork in forks:
            await client.request("DELETE", f"/context/{fork['id']}")
        assert os.listdir(work.parent) == ["work"]


async def test_a_failed_fork_leaves_no_directory(standing: Standing, work: Path) -> None:
    os.mkfifo(work / "fifo")
    async with Client(standing().url) as client:
        original = await client.create(cwd=str(work))
        asked = {"cwd": "copy", "strict": True, "count": 3}
        status, body = await client.request("POST", f"/context/{original}/fork", json=asked)
        assert (status, body["notCarried"]) == (409, [{"kind": "entry", "name": "fifo: a FIFO"}])
        assert os.listdir(work.parent) == ["work"]
        await client.run(
            "import shutil; shutil.rmtree('.', ignore_errors=True); import os; os.rmdir(os.getcwd())", original
        )
        status, body = await client.request("POST", f"/context/{original}/fork", json={"cwd": "copy"})
        assert (status, body["code"]) == (404, "file_not_found")
        assert (await client.run("print(1)", original)).stdout == "1\n"


async def test_copies_end_with_the_daemon(start_daemon: StartDaemon, work: Path, tmp_path: Path) -> None:
    daemon = await start_daemon("--state-dir", str(tmp_path / "state"))
    async with Client(daemon.url) as client:
        for persistent in (False, True):
            await forked(client, await client.create(cwd=str(work), persistent=persistent))
        assert len(os.listdir(tmp_path)) == 4
    await daemon.stop()
    assert sorted(os.listdir(tmp_path)) == ["state", "work"]
