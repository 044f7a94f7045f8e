"""Where the workers of one context are: with nothing to keep them from anything, or in the isolation of a profile.

A fork shares what its original has: HOME and TMPDIR, and its user. They end with the last of them. A directory that is
a copy of its original's ends with the fork, and with the forks of that which share it.
"""

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from attrs import define

from interpreterd.model.isolation import OPEN, Isolation, IsolationInfo
from interpreterd.pipe.confinement import Confinement
from interpreterd.workers.isolation.directories import PrivateDirectories, remove_tree
from interpreterd.workers.isolation.entering import EnteringLauncher
from interpreterd.workers.launcher import Launcher

if TYPE_CHECKING:
    from interpreterd.workers.isolation.seats import Seat

TREE_LIMIT_S: Final = 1.0  # for which a deletion waits until its directories are gone; the rest goes on
_removing: set["asyncio.Future[None]"] = set()


@define(eq=False)
class OwnDirectory:
    """A working directory that was made for a fork.

    Attributes:
        places: How many there are that work there.
    """

    path: str
    places: int = 0


class Place:
    """Where the workers of one context are; this one keeps them from nothing.

    Attributes:
        info: What clients see.
        confinement: What each worker does to itself; None for nothing.
        launcher: Starts the workers.
        directories: Those that are its own, beside its working directory.
        for_copies: The directory in which its forks may have directories of their own; None for any.
    """

    directories: tuple[str, ...] = ()
    for_copies: str | None = None

    def __init__(
        self,
        launcher: Launcher,
        *,
        info: IsolationInfo = OPEN,
        confinement: Confinement | None = None,
        own_directory: OwnDirectory | None = None,
    ) -> None:
        """``launcher`` stays the caller's. ``own_directory`` ends with the last place that works there."""
        self.info = info
        self.confinement = confinement
        self.launcher = launcher
        self._own_directory = own_directory
        if own_directory is not None:
            own_directory.places += 1

    @property
    def user(self) -> int | None:
        """The user of its workers; None for the daemon's."""
        return None

    @property
    def has_own_user(self) -> bool:
        """Whether the kernel counts the processes of the context apart from all others."""
        return self.user is not None or "user-namespace" in self.info.layers

    async def enter(self) -> None:
        """Be ready for workers, and for clients' files. Raises ``InvalidWorkingDirectory`` or ``WorkerStartFailed``."""

    def share(self, copy: str | None = None) -> "Place":
        """Return the place of a fork, which works in ``copy`` of the directory, or else where its original does.

        The caller, or the fork's context, closes it. Raises ``IsolationUnavailable``; the copy is then the caller's.
        """
        own = self._own(copy)
        return Place(self.launcher, info=self.info, confinement=self.confinement, own_directory=own)

    def _own(self, copy: str | None) -> OwnDirectory | None:
        return self._own_directory if copy is None else OwnDirectory(copy)

    async def close(self) -> None:
        """The context ends; no process of it lives any more. Its own directory goes, in the background if need be."""
        own, self._own_directory = self._own_directory, None
        if own is not None:
            own.places -= 1
            if not own.places:
                await tree_removed(own.path)


async def tree_removed(path: str) -> None:
    """Remove the directory ``path`` with everything in it; wait for that, but only a moment."""
    removing = asyncio.ensure_future(asyncio.to_thread(remove_tree, path))
    _removing.add(removing)
    removing.add_done_callback(_removing.discard)
    await asyncio.wait([removing], timeout=TREE_LIMIT_S)


@define(eq=False)
class Commons:
    """What an isolated context and its forks have in common.

    Attributes:
        seat: Their user, if they have one of their own.
        places: How many there are.
    """

    private: PrivateDirectories
    seat: "Seat | None" = None
    places: int = 0


class Jailer(Protocol):
    """Makes and ends jails: see ``Isolator``."""

    @property
    def launcher(self) -> Launcher: ...
    async def enter(self, seat: "Seat") -> None: ...
    def confinement(self, isolation: Isolation, cwd: str, commons: Commons) -> Confinement: ...
    async def remove(self, private: PrivateDirectories, seat: "Seat | None" = None) -> None: ...


class Jail(Place):
    """The isolation of one context, from its creation to its end."""

    def __init__(
        self,
        info: IsolationInfo,
        confinement: Confinement,
        commons: Commons,
        jailer: Jailer,
        own_directory: OwnDirectory | None = None,
    ) -> None:
        """Be the isolation that ``jailer`` has made; workers start with a clean environment."""
        launcher = jailer.launcher if commons.seat is None else EnteringLauncher(jailer.launcher, self.enter)
        super().__init__(launcher, info=info, confinement=confinement, own_directory=own_directory)
        self.directories = (commons.private.root,)
        self.for_copies = commons.private.copies
        self._commons: Commons | None = commons
        self._seat = commons.seat
        self._jailer = jailer
        commons.places += 1

    @property
    def user(self) -> int | None:
        """See ``Place``."""
        return None if self._seat is None else self._seat.user

    async def enter(self) -> None:
        """See ``Place``."""
        if self._seat is not None:
            await self._jailer.enter(self._seat)

    def share(self, copy: str | None = None) -> Place:
        """See ``Place``. Its next worker, which is no copy, may not write in the directory of its original."""
        assert self.confinement is not None
        assert self._commons is not None, "a context that has ended cannot be copied"
        confinement = self.confinement
        if copy is not None:
            confinement = self._jailer.confinement(self.info.isolation, copy, self._commons)
        return Jail(self.info, confinement, self._commons, self._jailer, self._own(copy))

    async def close(self) -> None:
        """See ``Place``; the last one removes what they have in common. Repeating it changes nothing."""
        await super().close()
        commons, self._commons = self._commons, None
        if commons is not None:
            commons.places -= 1
            if not commons.places:
                await self._jailer.remove(commons.private, commons.seat)
