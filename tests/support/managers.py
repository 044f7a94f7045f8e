"""Managers of contexts over fake workers."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fake_worker import FakeLauncher

from interpreterd.contexts.manager import Manager
from interpreterd.settings import Settings


@contextlib.asynccontextmanager
async def open_manager(launcher: FakeLauncher, cwd: Path, **settings: Any) -> AsyncIterator[Manager]:
    """Open a manager with these settings."""
    chosen = Settings.of(cwd=str(cwd), **settings)
    async with Manager(chosen.contexts, chosen.workers, launcher, state=chosen.state) as manager:
        yield manager


def ids(manager: Manager, *, with_default: bool = True) -> list[str]:
    """Return the ids of its contexts."""
    return [context.id for context in manager.list(with_default=with_default)]
