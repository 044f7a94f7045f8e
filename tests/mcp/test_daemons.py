"""``mcp.daemons``: the daemon that runs already, or a private one."""

import pytest

from interpreterd.client import ClientError, LocalDaemon, StartFailed
from interpreterd.mcp.daemons import DaemonClient

NOBODY = "http://127.0.0.1:9"


async def test_the_daemon_that_answers_is_used_and_no_other_is_started(url: str) -> None:
    daemon = DaemonClient(url, lambda: pytest.fail("a daemon was started"))
    assert daemon.opened is None
    py = await daemon.client()
    assert (await py.execute("6 * 7")).text == "42\n"
    assert (await daemon.client(), daemon.opened, await daemon.lost()) == (py, py, False)
    await daemon.close()


async def test_a_private_one_is_started_where_none_answers_and_again_after_its_death() -> None:
    daemon = DaemonClient(NOBODY, LocalDaemon)
    first = await daemon.client()
    assert (await first.execute("x = 1")).outcome == "completed"
    assert await daemon.lost()
    second = await daemon.client()
    assert second is not first
    assert (await second.execute("x")).error.name == "NameError"
    await daemon.close()


async def test_a_url_that_was_given_is_used_alone() -> None:
    daemon = DaemonClient(NOBODY, None)
    with pytest.raises(ClientError):
        await (await daemon.client()).list_contexts()
    await daemon.close()


async def test_a_daemon_that_does_not_start_says_why_each_time() -> None:
    class Broken:
        def start(self) -> str:
            raise OSError("no place")

    daemon = DaemonClient(None, Broken)
    for _ in range(2):
        with pytest.raises(StartFailed, match="no place"):
            await daemon.client()
    await daemon.close()
