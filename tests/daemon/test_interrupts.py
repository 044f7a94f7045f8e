"""Many interrupts at random moments: none is lost, and none hits another execution."""

from collections.abc import Awaitable, Callable

import pytest
from harness import Client, Daemon
from interrupting import ENDLESS, UNCOUNTED, storm

EXECUTIONS = 2000
StartDaemon = Callable[..., Awaitable[Daemon]]


@pytest.mark.timeout(180)  # a busy machine is slow
async def test_a_storm_of_interrupts_hits_what_it_is_meant_for(
    start_daemon: StartDaemon, pytestconfig: pytest.Config
) -> None:
    """No interrupt is lost or hits an idle worker or the next execution. Each client gets the true outcome."""
    # A kill would follow a lost interrupt. On a busy machine, programs that end by themselves may take a while.
    daemon = await start_daemon("--grace-s", "10")
    async with Client(daemon.url) as client:
        tally = await storm(client, executions=EXECUTIONS, contexts=4, seed=pytestconfig.getoption("randomly_seed"))
    assert tally.executions == EXECUTIONS
    assert tally.violations == []
    endless = [tally.counts[f"program {name}"] for name in ENDLESS if name != UNCOUNTED[0]]
    assert tally.counts["end interrupted"] >= sum(endless) > 0
