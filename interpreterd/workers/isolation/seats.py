"""What an isolated context has of the layer ``uid``: its user, its private directories, work in its directory.

All that takes a while is done on one thread, which has no supplementary groups: it tries what such a user can reach.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from attrs import define

from interpreterd.files.rights import drop_groups
from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.workers.isolation.grants import Grant, unreachable
from interpreterd.workers.isolation.uids import Users
from interpreterd.workers.isolation.user_range import UserRange

_T = TypeVar("_T")


@define(eq=False, kw_only=True)
class Seat:
    """A user that one context has, and where it works.

    Attributes:
        user: The number of the user, and of its group.
        cwd: Absolute, without symbolic links.
        private: Directories that the daemon has made, to belong to the user.
        needed: What its programs read: the Python environment.
        is_viewed: Whether a mount namespace shows all these, whatever directories they lie below.
        grant: Of ``cwd``, once the seat has been entered.
    """

    user: int
    cwd: str
    private: Sequence[str] = ()
    needed: Sequence[str] = ()
    is_viewed: bool = False
    grant: Grant | None = None


class Seats:
    """The seats of all contexts of a daemon."""

    def __init__(self, users: UserRange | Users) -> None:
        self._users = users if isinstance(users, Users) else Users(users)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seats", initializer=drop_groups)

    async def refresh(self) -> None:
        """Find out which users are free, if that is not known; to be called before ``take``."""
        if self._users.is_stale:
            await self._on_thread(self._users.refresh)

    def take(self) -> int:
        """Return a user that no other context has, until ``end``. Raises ``LimitReached``."""
        return self._users.take()

    async def enter(self, seat: Seat) -> None:
        """Let the user of ``seat`` work in its directories. Repeating it changes nothing.

        Raises:
            InvalidWorkingDirectory: It cannot work there.
            IsolationUnavailable: It cannot reach what it needs.
        """
        if seat.grant is None:
            await self._on_thread(lambda: self._enter(seat))

    async def end(self, seat: Seat) -> None:
        """Take the rights of a seat back, and its user; its processes have ended, its private directories are gone."""
        await self._on_thread(lambda: self._end(seat))

    def close(self) -> None:
        """Do no more."""
        self._thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        # It goes on if its client disconnects meanwhile.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _enter(self, seat: Seat) -> None:
        if seat.grant is not None:  # two clients have asked at once
            return
        if not seat.is_viewed:
            _check(seat.needed, seat.user)
        for path in seat.private:
            os.chown(path, seat.user, seat.user, follow_symlinks=False)
        grant = Grant(seat.cwd, seat.user, self._users.range)
        grant.make(self._users.living - {seat.user}, is_viewed=seat.is_viewed)
        seat.grant = grant

    def _end(self, seat: Seat) -> None:
        if seat.grant is not None:
            seat.grant.end()
        self._users.clean(seat.user)
        self._users.give_back(seat.user)
        if self._users.is_stale:
            self._users.refresh()


def _check(needed: Sequence[str], user: int) -> None:
    for path in needed:
        directory = path if os.path.isdir(path) else os.path.dirname(path)
        if os.path.exists(path) and (blocked := unreachable(directory, user)):
            raise IsolationUnavailable(
                f"the context's own user cannot reach the Python environment: {path} lies in {blocked}, which not all "
                "users may enter; name another Python (--python), or let all users enter it (chmod o+x)"
            )
