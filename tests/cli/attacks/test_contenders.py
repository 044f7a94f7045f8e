"""Two contexts are made for a run: their processes and files are the targets."""

import os

import pytest

from interpreterd.cli.attacks.campaign import client, daemon
from interpreterd.cli.attacks.contenders import Unexpected, contenders, run
from interpreterd.cli.attacks.ground import ground, started


@pytest.mark.daemon
def test_the_neighbours_processes_are_found_and_the_attackers_own_is_no_stranger() -> None:
    with (
        ground() as place,
        daemon(place, []) as targets,
        client(targets) as py,
        contenders(py, place, targets, "off") as both,
    ):
        worker = int(run(both.attacker, "import os; print(os.getpid())"))
        processes = both.targets["processes"]
        assert processes["the daemon"] == started(targets["daemon"][0])
        assert all(started(pid) == (pid, begun) for pid, begun in processes.values())
        strangers = {pid for pid, _ in (*processes.values(), *both.targets["helpers"])}
        assert worker not in strangers
        assert len(strangers) >= 4, "the neighbour's two, the daemon and its guard"
        assert both.layers == frozenset()
        assert os.path.exists(both.targets["neighbour_cwd"])
        with pytest.raises(Unexpected, match="ZeroDivisionError"):
            run(both.attacker, "1 / 0")
