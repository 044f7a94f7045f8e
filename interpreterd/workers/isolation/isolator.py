"""Isolates contexts: gives each its private directories, and says what its worker has to do to itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

import attrs

from interpreterd.model.errors import InvalidRequest
from interpreterd.model.isolation import (
    NO_ISOLATION,
    SOME_PORTS,
    Isolation,
    IsolationInfo,
    IsolationUnavailable,
    Possible,
)
from interpreterd.pipe.confinement import Confinement
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.isolation.apart import all_apart
from interpreterd.workers.isolation.bounds import check_apart, check_bounds
from interpreterd.workers.isolation.directories import PrivateDirectories, PrivateRoot
from interpreterd.workers.isolation.jails import TREE_LIMIT_S, Commons, Jail, Place
from interpreterd.workers.isolation.settings import IsolationSettings, isolation_of
from interpreterd.workers.isolation.user_range import UserRange
from interpreterd.workers.launcher import Launcher
from interpreterd.workers.launchers import LAUNCHERS, effective_launcher
from interpreterd.workers.launchers.pool import Pool
from interpreterd.workers.settings import WorkerSettings

if TYPE_CHECKING:  # what only a daemon that isolates needs is imported where it is used
    from interpreterd.workers.isolation.abilities import Abilities
    from interpreterd.workers.isolation.profiles import Plan
    from interpreterd.workers.isolation.seats import Seat, Seats


class Unisolated:
    """Isolates nothing, and refuses to."""

    usual = NO_ISOLATION
    gives_users = False

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
        more_layers: What keeps contexts from each other beside the layers that their workers apply.
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
        self.more_layers: tuple[str, ...] = ()
        self._hide = hide
        self.launcher: Launcher = pool
        self._open = launcher
        self.fill = pool.fill
        self._directories = PrivateRoot(others=settings.isolation_uids is not None)
        self.seats = None if settings.isolation_uids is None else _seats(settings.isolation_uids)
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

    async def machine(self) -> "Abilities":
        """Return what this machine can do; the first call finds it out. Raises ``WorkerStartFailed``."""
        if self._machine is None:
            if self._examining is None or self._examining.done():
                self._examining = asyncio.create_task(self._examine())
            await asyncio.shield(self._examining)  # not only for the caller, who may go away
        assert self._machine is not None
        return self._machine

    async def _examine(self) -> None:
        from interpreterd.workers.isolation.abilities import examine

        self._machine = await examine(self._open)  # it knows its interpreter already
        await asyncio.to_thread(self._directories.remove_stale)

    async def possible(self) -> Possible:
        """Return which isolation this machine can give. Raises ``WorkerStartFailed``."""
        from interpreterd.workers.isolation.profiles import missing_sentences

        machine = await self.machine()
        return Possible(
            usual=self.usual.profile,
            abilities=(*machine.layers, *self.more_layers),
            missing=missing_sentences(machine, gives_users=self.seats is not None),
        )

    @property
    def usual(self) -> Isolation:
        """The isolation of contexts that ask for none."""
        usual = isolation_of(self._settings)
        return attrs.evolve(usual, ports=tuple(port for port in usual.ports if port not in self.own_ports))

    @property
    def gives_users(self) -> bool:
        """Whether contexts that ask for no isolation have users of their own."""
        return self.seats is not None and self.usual.is_on

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
        from interpreterd.workers.isolation.profiles import require

        require(isolation.profile, await self.machine(), gives_users=self.seats is not None)
        if self.seats is not None:
            await self.seats.refresh()

    def isolate(self, isolation: Isolation, cwd: str) -> Place:
        """Return the place of one context, whose directory is ``cwd``, without links; ``prepare`` has been called.

        Raises:
            InvalidWorkingDirectory: It holds directories from which the code must be kept.
            InvalidRequest: A path does, or leads out of those that the daemon allows.
            LimitReached: No user is left for it.
            IsolationUnavailable
        """
        if not isolation.is_on:
            return Place(self._open)
        if self._machine is None:
            raise IsolationUnavailable("it is not yet known what this machine can do")
        from interpreterd.workers.isolation.profiles import plan

        try:
            private = self._directories.make()
        except OSError as error:
            raise IsolationUnavailable(f"no private directories can be made: {error.strerror}") from None
        try:
            check_bounds(isolation, self.usual, cwd, private.root, all_apart())
            user = None if self.seats is None else self.seats.take()
            planned = plan(isolation, self._machine, cwd=cwd, private=private, user=user, apart=all_apart())
            check_apart(planned.confinement, all_apart())
        except BaseException:
            self._directories.remove(private)
            raise
        info = IsolationInfo(isolation=isolation, layers=(*planned.layers, *self.more_layers))
        seat = None if user is None else self._seat(user, planned, cwd, private)
        return Jail(info, planned.confinement, Commons(private, seat), self)

    def confinement(self, isolation: Isolation, cwd: str, commons: Commons) -> Confinement:
        """Return what a worker does to itself that is to work in ``cwd``, with the rest of ``commons``.

        Raises ``IsolationUnavailable``.
        """
        from interpreterd.workers.isolation.profiles import plan

        assert self._machine is not None
        user = None if commons.seat is None else commons.seat.user
        return plan(
            isolation, self._machine, cwd=cwd, private=commons.private, user=user, apart=all_apart()
        ).confinement

    async def enter(self, seat: "Seat") -> None:
        """Let the user of ``seat`` work: see ``Seats.enter``."""
        assert self.seats is not None
        await self.seats.enter(seat)

    def _seat(self, user: int, planned: "Plan", cwd: str, private: PrivateDirectories) -> "Seat":
        from interpreterd.workers.isolation.profiles import environment_paths
        from interpreterd.workers.isolation.seats import Seat

        assert self._machine is not None
        return Seat(
            user=user,
            cwd=cwd,
            private=(private.root, private.home, private.temporary, private.copies),
            needed=environment_paths(self._machine.paths, private.root),
            is_viewed=planned.confinement.view is not None,
        )

    async def remove(self, private: PrivateDirectories, seat: "Seat | None" = None) -> None:
        """Remove the directories of a context, and end its ``seat``; wait for that, but only a moment."""
        removing = asyncio.ensure_future(self._remove(private, seat))
        self._removing.add(removing)
        removing.add_done_callback(self._removing.discard)
        await asyncio.wait([removing], timeout=TREE_LIMIT_S)

    async def _remove(self, private: PrivateDirectories, seat: "Seat | None") -> None:
        await asyncio.to_thread(self._directories.remove, private)
        if seat is not None and self.seats is not None:
            await self.seats.end(seat)

    async def close(self) -> None:
        """Remove all directories."""
        if self._removing:
            await asyncio.wait(self._removing, timeout=TREE_LIMIT_S)
        await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(self._directories.close))], timeout=TREE_LIMIT_S)


def _seats(users: UserRange) -> "Seats":
    from interpreterd.workers.isolation.seats import Seats  # which few daemons need

    return Seats(users)
