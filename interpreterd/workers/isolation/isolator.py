"""Isolates contexts: gives each its private directories, and says what its worker has to do to itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

import attrs

from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory
from interpreterd.model.isolation import (
    NO_ISOLATION,
    OPEN,
    SOME_PORTS,
    Isolation,
    IsolationInfo,
    IsolationUnavailable,
    Possible,
    is_below,
)
from interpreterd.pipe.confinement import Confinement
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.isolation.abilities import Abilities, examine
from interpreterd.workers.isolation.directories import PrivateDirectories, PrivateRoot
from interpreterd.workers.isolation.profiles import lacking, missing_sentences, plan, unavailable
from interpreterd.workers.isolation.settings import IsolationSettings, isolation_of
from interpreterd.workers.launcher import Launcher
from interpreterd.workers.launchers import LAUNCHERS, effective_launcher
from interpreterd.workers.launchers.pool import Pool
from interpreterd.workers.settings import WorkerSettings

_REMOVE_LIMIT_S: Final = 1.0  # for which a deletion waits until its directories are gone; the rest goes on


class Place:
    """Where the workers of one context are; this one keeps them from nothing.

    Attributes:
        info: What clients see.
        confinement: What each worker does to itself; None for nothing.
        launcher: Starts the workers.
    """

    def __init__(
        self, launcher: Launcher, *, info: IsolationInfo = OPEN, confinement: Confinement | None = None
    ) -> None:
        """``launcher`` stays the caller's."""
        self.info = info
        self.confinement = confinement
        self.launcher = launcher

    async def close(self) -> None:
        """The context ends; no process of it lives any more."""


class Jail(Place):
    """The isolation of one context, from its creation to its end."""

    def __init__(
        self, info: IsolationInfo, confinement: Confinement, private: PrivateDirectories, isolator: "Isolator"
    ) -> None:
        """Be the isolation that ``isolator`` has made; workers start with a clean environment."""
        super().__init__(isolator.launcher, info=info, confinement=confinement)
        self._private = private
        self._isolator = isolator

    async def close(self) -> None:
        """Remove its directories."""
        await self._isolator.remove(self._private)


class Unisolated:
    """Isolates nothing, and refuses to."""

    usual = NO_ISOLATION

    def __init__(self, launcher: Launcher) -> None:
        """Let ``launcher``, which stays the caller's, start all workers."""
        self._launcher = launcher

    async def prepare(self, isolation: Isolation) -> None:
        """Raise ``IsolationUnavailable`` if code is to be kept from anything."""
        if isolation.is_on:
            raise IsolationUnavailable("this daemon has been set up without isolation")

    async def possible(self) -> Possible:
        """Return that it can give none."""
        raise IsolationUnavailable("this daemon has been set up without isolation")

    def isolate(self, isolation: Isolation, cwd: str) -> Place:
        """Return the place of one context."""
        return Place(self._launcher)


class Isolator:
    """Makes jails. ``run`` gives a block one; it has a pool of workers of its own, filled from its first use on.

    Attributes:
        own_ports: Those of TCP that the daemon listens on: no isolated code may connect to them.
    """

    def __init__(
        self, settings: IsolationSettings, pool: Pool, launcher: Launcher, *, hide: Callable[[], None] = lambda: None
    ) -> None:
        """Use ``pool``, whose workers have a clean environment, and ``launcher`` for contexts that are not isolated.

        Both stay the caller's. ``hide`` is called before the first context is isolated.
        """
        self._settings = settings
        self.own_ports: frozenset[int] = frozenset()
        self._hide = hide
        self.launcher: Launcher = pool
        self._open = launcher
        self.fill = pool.fill
        self._directories = PrivateRoot()
        self._machine: Abilities | None = None
        self._examining: asyncio.Task[None] | None = None
        self._removing: set[asyncio.Future[None]] = set()

    @classmethod
    @asynccontextmanager
    async def run(
        cls, settings: IsolationSettings, workers: WorkerSettings, nursery: Nursery, launcher: Launcher
    ) -> AsyncIterator[Self]:
        """Isolate with what the settings say, within the block; ``launcher`` is for contexts that are not isolated."""
        async with (
            LAUNCHERS[effective_launcher(workers)].run(workers, nursery, clean=True) as clean,
            Pool(clean, workers.pool_size, start_timeout_s=workers.start_timeout_s) as pool,
        ):
            isolator = cls(settings, pool, launcher, hide=nursery.hide)
            try:
                yield isolator
            finally:
                await isolator.close()

    async def machine(self) -> Abilities:
        """Return what this machine can do; the first call finds it out. Raises ``WorkerStartFailed``."""
        if self._machine is None:
            if self._examining is None or self._examining.done():
                self._examining = asyncio.create_task(self._examine())
            await asyncio.shield(self._examining)  # not only for the caller, who may go away
        assert self._machine is not None
        return self._machine

    async def _examine(self) -> None:
        self._machine = await examine(self._open)  # it knows its interpreter already
        await asyncio.to_thread(self._directories.remove_stale)

    async def possible(self) -> Possible:
        """Return which isolation this machine can give. Raises ``WorkerStartFailed``."""
        machine = await self.machine()
        return Possible(usual=self.usual.profile, abilities=machine.layers, missing=missing_sentences(machine))

    @property
    def usual(self) -> Isolation:
        """The isolation of contexts that ask for none."""
        usual = isolation_of(self._settings)
        return attrs.evolve(usual, ports=tuple(port for port in usual.ports if port not in self.own_ports))

    async def prepare(self, isolation: Isolation) -> None:
        """Be ready to isolate.

        Raises:
            InvalidRequest: A port is one of the daemon's own: code could then do all that clients can.
            IsolationUnavailable: It cannot be had in full.
        """
        if not isolation.is_on:
            return
        if isolation.network == SOME_PORTS and (own := self.own_ports.intersection(isolation.ports)):
            raise InvalidRequest(f"isolation.ports must not have {min(own)}, which is a port of this daemon")
        self._hide()
        machine = await self.machine()
        if lacks := lacking(isolation.profile, machine):
            raise unavailable(isolation.profile, lacks)

    def isolate(self, isolation: Isolation, cwd: str) -> Place:
        """Return the place of one context, whose directory is ``cwd``, without links; ``prepare`` has been called.

        Raises:
            InvalidWorkingDirectory: It holds directories from which the code must be kept.
            IsolationUnavailable
        """
        if not isolation.is_on:
            return Place(self._open)
        if self._machine is None:
            raise IsolationUnavailable("it is not yet known what this machine can do")
        if is_below(self._directories.parent, (cwd,)):
            raise InvalidWorkingDirectory(f"working directory holds other contexts' directories: {cwd}")
        try:
            private = self._directories.make()
        except OSError as error:
            raise IsolationUnavailable(f"no private directories can be made: {error.strerror}") from None
        try:
            planned = plan(isolation, self._machine, cwd=cwd, private=private)
        except BaseException:
            self._directories.remove(private)
            raise
        info = IsolationInfo(isolation=isolation, layers=planned.layers)
        return Jail(info, planned.confinement, private, self)

    async def remove(self, private: PrivateDirectories) -> None:
        """Remove the directories of a context; wait for that, but only a moment."""
        removing = asyncio.ensure_future(asyncio.to_thread(self._directories.remove, private))
        self._removing.add(removing)
        removing.add_done_callback(self._removing.discard)
        await asyncio.wait([removing], timeout=_REMOVE_LIMIT_S)

    async def close(self) -> None:
        """Remove all directories."""
        if self._removing:
            await asyncio.wait(self._removing, timeout=_REMOVE_LIMIT_S)
        await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(self._directories.close))], timeout=_REMOVE_LIMIT_S)
