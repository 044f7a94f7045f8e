"""Contexts are made of what the daemon has, and not registered."""

from pathlib import Path

from fake_worker import FakeLauncher
from managers import ids, open_manager

from interpreterd.contexts.origin import Origin
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext
from interpreterd.workers.isolation.jails import Place


async def test_a_context_that_is_made_is_not_registered(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        account = manager.tenancies.accounts.of("")
        limits = Limits(queued=3)
        made = manager.maker.make(
            "c", "/link", CreateContext(), limits, account, Place(launcher), Origin("o", 1, 2, 0), "/real"
        )
        info = made.info()
        assert (info.id, info.cwd, made.directory, info.executions) == ("c", "/link", "/real", 2)
        assert (info.forked_from, made.limits, ids(manager)) == ("o", limits, [])
