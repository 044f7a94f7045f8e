"""Finding contexts; the tests of the manager show more."""

from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import ids, open_manager

from interpreterd.model.errors import ContextNotFound
from interpreterd.model.requests import CreateContext


async def test_a_context_is_found_by_its_id_or_its_labels(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        info = await manager.create(CreateContext(metadata={"a": "b"}))
        manager.get(None)
        assert ids(manager) == [info.id, "default"]
        assert ids(manager, with_default=False) == [info.id]
        assert [it.id for it in manager.list(with_default=True, labels=[("a", "b")])] == [info.id]
        assert manager.find("unknown") is None
        with pytest.raises(ContextNotFound):
            manager.existing("unknown")


async def test_nothing_runs_in_a_default_context_before_its_first_use(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        assert manager.interrupt(None) == "idle"
        assert manager.find("default") is None
