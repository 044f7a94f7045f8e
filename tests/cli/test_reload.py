"""``interpreterd reload`` puts a new daemon in the place of a running one, or says why it cannot."""

import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from command import interpreterd, ran
from harness import Daemon, gone

Start = Callable[..., Awaitable[Daemon]]


@pytest.mark.parametrize("kind", ["port", "path"])
async def test_a_new_daemon_takes_over(start_daemon: Start, tmp_path: Path, kind: str) -> None:
    daemon = await start_daemon(*(["--unix-socket", str(tmp_path / "a")] if kind == "path" else []))
    told, _ = await ran("reload", "--url", daemon.url)
    words = told.split()
    assert told == f"process {words[1]} has taken over from process {daemon.pid}, which ends after its work\n"
    assert await daemon.process.wait() == 0
    os.kill(int(words[1]), signal.SIGTERM)
    await gone(int(words[1]))


def test_without_a_daemon_it_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    failed = interpreterd("reload", "--url", url)
    assert (failed.returncode, failed.stderr) == (1, f"interpreterd: no daemon answers at {url} (Connection refused)\n")
