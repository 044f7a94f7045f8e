"""Interrupts that cannot go astray: many, at random moments."""

from collections.abc import Awaitable, Callable

import pytest
from harness import Client, Daemon
from interrupting import ENDLESS, UNCOUNTED, storm

EXECUTIONS = 2000
StartDaemon = Callable[..., Awaitable[Daemon]]


@pytest.mark.timeout(180)  # on a machine that is busy
async def test_a_storm_of_interrupts_hits_what_it_is_meant_for(
    start_daemon: StartDaemon, pytestconfig: pytest.Config
) -> None:
    """None is lost, none hits a worker that waits or the next execution, and everyone is told the truth."""
    # A lost one is noticed by the kill that follows it. A busy machine may take a while for what ends by itself.
    daemon = await start_daemon("--grace-s", "10")
    async with Client(daemon.url) as client:
        tally = await storm(client, executions=EXECUTIONS, contexts=4, seed=pytestconfig.getoption("randomly_seed"))
    assert tally.executions == EXECUTIONS
    assert tally.violations == []
    endless = [tally.counts[f"program {name}"] for name in ENDLESS if name != UNCOUNTED[0]]
    assert tally.counts["end interrupted"] >= sum(endless) > 0
