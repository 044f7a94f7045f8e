"""Contexts are taken in only where there is room for them."""

from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import ids, open_manager

from interpreterd.model.errors import LimitReached, ServerShuttingDown
from interpreterd.model.requests import CreateContext


async def test_room_is_asked_for_as_many_as_are_to_come(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, max_contexts=3) as manager:
        await manager.create(CreateContext())
        manager.check_room(2)
        with pytest.raises(LimitReached, match="the limit is 3"):
            manager.check_room(3)
        manager.intake.closing = True
        with pytest.raises(ServerShuttingDown):
            manager.check_room(0)
        manager.intake.closing = False


async def test_no_place_is_made_for_a_context_that_is_refused(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, max_contexts=1) as manager:
        context = await manager.create(CreateContext())
        with pytest.raises(LimitReached):
            manager.add("new", str(tmp_path), CreateContext(), lambda: pytest.fail("a place"))
        assert ids(manager) == [context.id]
