"""Isolated contexts outlive a daemon as they were isolated, in directories that are theirs again."""

import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Client, Daemon

Start = Callable[..., Awaitable[Daemon]]


async def test_an_isolated_context_is_isolated_when_it_wakes(start_daemon: Start, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    flags = ("--state-dir", str(tmp_path / "state"), "--cwd", str(tmp_path / "work"), "--persistent")
    daemon = await start_daemon(*flags)
    contexts = {}
    async with Client(daemon.url) as client:
        for profile in ("standard", "strict"):
            contexts[profile] = await client.create(isolation=profile)
            await client.run(f"x = {profile!r}; open({profile!r}, 'w').close()", contexts[profile])
            assert (await client.request("POST", f"/context/{contexts[profile]}/hibernate"))[0] == 200
        _, before = await client.request("GET", f"/context/{contexts['strict']}")
    daemon.process.send_signal(signal.SIGKILL)
    await daemon.ended()
    daemon = await start_daemon(*flags)
    async with Client(daemon.url) as client:
        for profile, context in contexts.items():
            _, body = await client.request("GET", f"/context/{context}")
            assert (body["state"], body["isolation"]["profile"], body["isolation"]["layers"]) == (
                "hibernating",
                profile,
                [],
            )
            _, listed = await client.request("GET", f"/context/{context}/files")
            assert {it["path"] for it in listed["files"]} == {"standard", "strict"}
            secret = tmp_path / "state" / "key"
            result = await client.run(f"import os\nprint(x, os.path.exists({str(secret)!r}))", context)
            assert result.stdout == f"{profile} False\n"
        assert (await client.request("GET", f"/context/{contexts['strict']}"))[1]["isolation"] == before["isolation"]
    # What was allowed then is not allowed now: the context says so, and stays.
    assert await daemon.stop() == 0
    daemon = await start_daemon(*flags, "--isolation", "strict")
    async with Client(daemon.url) as client:
        result = await client.run("x", contexts["standard"])
        assert result.error is not None
        assert "isolation.profile must be strict" in result.error["value"]
        assert (await client.request("GET", f"/context/{contexts['standard']}"))[1]["state"] == "hibernating"
        assert (await client.run("print(x)", contexts["strict"])).stdout == "strict\n"
