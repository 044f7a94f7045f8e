"""Contexts of former daemons are offered whatever has changed; ``test_survival`` has more."""

from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import open_manager

from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.offering import offered, register
from interpreterd.contexts.state.places import LatePlace
from interpreterd.contexts.state.records import ContextRecord
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.isolation import NO_ISOLATION, Isolation, IsolationRequest
from interpreterd.model.limits import Limits
from interpreterd.model.requests import Execute

RECORD = ContextRecord(id="c", cwd="/link", created_at=1.0, last_used_at=2.0, count=5, forked_from="b")


def with_isolation(manager: Manager, usual: Isolation) -> None:
    manager.tenancies._usual = manager.isolator.usual = usual  # type: ignore[misc]


async def test_it_is_as_it_was(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, context_cpu_s=7.0) as manager:
        context = offered(RECORD, "/real", manager)
        assert manager.find("c") is None
        register(context, manager)
        assert manager.find("c") is context
        info = context.info()
        assert (info.cwd, context.directory, info.executions, info.forked_from) == ("/link", "/real", 5, "b")
        assert (info.created_at, info.last_used_at, info.limits.cpu_s) == (1.0, 2.0, 7.0)
        assert manager.tenancies.accounts.of("").contexts == 1


async def test_the_tighter_limits_hold(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, context_cpu_s=7.0, context_output_bytes=10) as manager:
        record = ContextRecord(
            id="c", cwd="/", created_at=1.0, last_used_at=2.0, limits=Limits(cpu_s=3.0, output_bytes=99)
        )
        limits = offered(record, "/", manager).limits
        assert (limits.cpu_s, limits.output_bytes) == (3.0, 10)


async def test_an_isolated_one_gets_its_place_when_it_wakes(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        record = ContextRecord(
            id="c", cwd="/", created_at=1.0, last_used_at=2.0, isolation=IsolationRequest(profile="strict")
        )
        context = offered(record, "/", manager)
        assert isinstance(context.place, LatePlace)
        assert context.info().isolation.isolation.profile == "strict"
        register(context, manager)
        _, execution = manager.submit(Execute(code="1", context_id="c"), client=False)
        last = [event async for _, event in execution.journal.follow()][-1]
        assert isinstance(last.cause, WorkerStartFailed)  # type: ignore[union-attr]
        assert "without isolation" in str(last.cause)  # type: ignore[union-attr]


async def test_one_that_has_less_isolation_than_it_must_have_today_does_not_run_with_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        with_isolation(manager, Isolation(profile="strict", network="none"))
        record = ContextRecord(
            id="c", cwd="/", created_at=1.0, last_used_at=2.0, isolation=IsolationRequest(profile="off")
        )
        context = offered(record, "/", manager)
        register(context, manager)
        with pytest.raises(WorkerStartFailed, match="must be strict"):
            await context.start()
        with_isolation(manager, NO_ISOLATION)
        assert launcher.workers == []
