"""What this daemon's contexts keep, without a state directory."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fake_worker import FakeLauncher
from managers import open_manager

from interpreterd.contexts.state.local import LocalState
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import ContextNotFound
from interpreterd.model.forks import ForkContext
from interpreterd.model.requests import CreateContext
from interpreterd.model.state_errors import CheckpointsFull, NoStateDirectory


async def test_nothing_is_kept_on_disk_without_a_directory(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        state = LocalState(manager)
        context = await manager.create(CreateContext())
        for verb in (state.archive(context.id), state.hibernate(context.id), state.archives()):
            with pytest.raises(NoStateDirectory, match="--state-dir"):
                await verb


@pytest.mark.parametrize(
    "verb",
    [
        lambda it: it.fork("unknown", ForkContext()),
        lambda it: it.checkpoint("unknown"),
        lambda it: it.checkpoints("unknown"),
        lambda it: it.delete_checkpoint("unknown", "c"),
        lambda it: it.restore("unknown", "c"),
        lambda it: it.undo("unknown"),
        lambda it: it.archive("unknown"),
        lambda it: it.hibernate("unknown"),
    ],
    ids=["fork", "checkpoint", "checkpoints", "delete", "restore", "undo", "archive", "hibernate"],
)
async def test_an_unknown_context_is_named(verb: Callable[[LocalState], Awaitable[object]], tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        with pytest.raises(ContextNotFound, match="unknown"):
            await verb(LocalState(manager))


async def test_the_first_use_of_a_default_context_may_be_any_verb(tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path, checkpoints=0) as manager:
        with pytest.raises(CheckpointsFull, match="--checkpoints is 0"):
            await LocalState(manager).checkpoint(DEFAULT_CONTEXT_ID)
