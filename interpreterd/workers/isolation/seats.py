"""What an isolated context has of the layer ``uid``: its user, its private directories, work in its directory.

All that takes a while is done on one thread, which has no supplementary groups: it tries what such a user can reach.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from attrs import define

from interpreterd.files.rights import drop_groups
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.workers.isolation.grants import Grant, unreachable
from interpreterd.workers.isolation.uids import UserRange, Users

_T = TypeVar("_T")


@define(eq=False)
class Seat:
    """A user that one context has.

    Attributes:
        user: The number of the user, and of its group.
    """

    user: int
    _grant: Grant | None = None


class Seats:
    """Opens and closes the seats of all contexts of a daemon."""

    def __init__(self, users: UserRange | Users) -> None:
        self._users = users if isinstance(users, Users) else Users(users)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seats", initializer=drop_groups)

    async def open(
        self, cwd: str, *, private: Iterable[str] = (), needed: Iterable[str] = (), is_viewed: bool = False
    ) -> Seat:
        """Return a new seat that may work in ``cwd``, and to which the ``private`` directories belong from now on.

        Args:
            cwd: Absolute, without symbolic links.
            private: Directories that the daemon has made, with all that is in them.
            needed: What its programs read: the Python environment.
            is_viewed: Whether a mount namespace shows these, whatever directories they lie below.

        Raises:
            LimitReached: All users are taken.
            InvalidWorkingDirectory: It cannot work there.
            WorkerStartFailed: It cannot reach what is ``needed``.
        """
        return await self._on_thread(lambda: self._open(cwd, list(private), list(needed), is_viewed))

    async def close(self, seat: Seat) -> None:
        """End a seat whose processes have ended, and whose private directories are gone."""
        await self._on_thread(lambda: self._close(seat))

    def end(self) -> None:
        """Open and close no more."""
        self._thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        # A client that disconnects meanwhile must not lose a seat.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _open(self, cwd: str, private: list[str], needed: list[str], is_viewed: bool) -> Seat:
        seat = Seat(self._users.take())
        try:
            if not is_viewed:
                _check(needed, seat.user)
            others = self._users.living - {seat.user}
            seat._grant = Grant(cwd, seat.user, self._users.range)
            seat._grant.make(others, is_viewed=is_viewed)
            for path in private:
                _give(path, seat.user)
        except BaseException:
            self._close(seat)
            raise
        return seat

    def _close(self, seat: Seat) -> None:
        if seat._grant is not None:
            seat._grant.end()
        self._users.give_back(seat.user)


def _check(needed: Iterable[str], user: int) -> None:
    for path in needed:
        if os.path.exists(path) and (blocked := unreachable(path, user)):
            raise WorkerStartFailed(
                f"the context's own user cannot reach {path}: {blocked} may not be entered by all users; "
                "use a Python that all users may, or a machine with mount namespaces"
            )


def _give(top: str, user: int) -> None:
    """Let ``top`` and all in it belong to ``user``; no link is followed."""
    for path, _, files in os.walk(top, followlinks=False):
        os.chown(path, user, user, follow_symlinks=False)
        os.chmod(path, 0o700)
        for name in files:
            os.chown(os.path.join(path, name), user, user, follow_symlinks=False)
