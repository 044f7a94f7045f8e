"""Launchers start workers: a file for each, and a row of ``LAUNCHERS``.

A row imports its launcher only when it is used, because ``workers/settings.py`` reads the table as well: its names are
the choices of ``--launcher``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from interpreterd.processes.nursery import Nursery
    from interpreterd.workers.launcher import Launcher
    from interpreterd.workers.launchers.spawn import SpawnLauncher
    from interpreterd.workers.settings import WorkerSettings


class RunLauncher(Protocol):
    """Starts a launcher."""

    def __call__(
        self, settings: "WorkerSettings", nursery: "Nursery", *, clean: bool = False
    ) -> AbstractAsyncContextManager["Launcher"]:
        """Give a block the launcher; ``clean`` is as in ``SpawnLauncher``."""


@frozen(kw_only=True)
class Row:
    """One launcher.

    Attributes:
        summary: Its description; completes "spawn …" in the help.
        preloads: Whether its workers have the modules of ``--preload`` when they start.
        run: Gives a block the launcher; at the end of the block it starts no more workers, and has ended its own
            processes.
    """

    summary: str
    preloads: bool = False
    run: "RunLauncher"


@asynccontextmanager
async def _spawn(
    settings: "WorkerSettings", nursery: "Nursery", *, clean: bool = False
) -> "AsyncIterator[SpawnLauncher]":
    from interpreterd.workers.launchers.spawn import SpawnLauncher

    launcher = SpawnLauncher(
        python=settings.python, nursery=nursery, start_timeout_s=settings.start_timeout_s, clean=clean
    )
    with closing(launcher):
        yield launcher


@asynccontextmanager
async def _fork(settings: "WorkerSettings", nursery: "Nursery", *, clean: bool = False) -> "AsyncIterator[Launcher]":
    from interpreterd.workers.launchers.fork import ForkLauncher

    async with _spawn(settings, nursery, clean=clean) as spawner:
        launcher = ForkLauncher(
            spawner, modules=settings.preload, nursery=nursery, start_timeout_s=settings.start_timeout_s
        )
        try:
            yield launcher
        finally:
            await launcher.close()


LAUNCHERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "spawn": Row(summary="starts a new Python", run=_spawn),
        "fork": Row(summary="forks a template", preloads=True, run=_fork),
    }
)


def effective_launcher(settings: "WorkerSettings") -> str:
    """Return the name of the launcher in use: the chosen one, or one that can preload if it cannot."""
    if not settings.preload or LAUNCHERS[settings.launcher].preloads:
        return settings.launcher
    return next(name for name, row in LAUNCHERS.items() if row.preloads)
