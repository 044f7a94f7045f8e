"""Which processes the daemon has started, and the end of those that their worker left behind."""

import asyncio
import contextlib
import ctypes
import logging
import os
import time
from collections.abc import AsyncIterator

from interpreterd.family import children, kill_family
from interpreterd.guard import Guard

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SWEEP_LIMIT_S = 2.0
_log = logging.getLogger(__name__)


class Nursery:
    """The daemon's child processes.

    With ``adopts`` the process becomes a subreaper: when a worker dies, what it started becomes a child of the daemon,
    and is killed by ``sweep``. Only for a process that has no other children than the ones announced here.
    """

    def __init__(self, *, guard: Guard | None = None, adopts: bool = False) -> None:
        self._guard = guard
        self._adopts = adopts
        self._known = {guard.pid} if guard else set()
        self._births = asyncio.Lock()
        self._lock = asyncio.Lock()
        if adopts:
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    @property
    def guarded(self) -> bool:
        """Whether a guard kills the families when the daemon dies."""
        return self._guard is not None

    @contextlib.asynccontextmanager
    async def birth(self) -> AsyncIterator[None]:
        """The block in which a process is started and then given to ``add``; one at a time."""
        # They wait for each other out here, so that a sweep, which comes next, waits for one of them and not for all.
        async with self._births, self._lock:
            yield

    def add(self, pid: int) -> None:
        """Know ``pid`` as a worker."""
        self._known.add(pid)
        if self._guard:
            self._guard.watch(pid)

    def remove(self, pid: int) -> None:
        """Forget ``pid``, which has been reaped."""
        self._known.discard(pid)
        if self._guard:
            self._guard.forget(pid)

    async def sweep(self) -> None:
        """Kill and reap the processes that dead workers left to the daemon; give up after ``SWEEP_LIMIT_S``."""
        if not self._adopts:
            return
        async with self._lock:  # a process that is being started is not known yet
            give_up_at = time.monotonic() + SWEEP_LIMIT_S
            while orphans := [pid for pid in children(os.getpid()) if pid not in self._known]:
                if time.monotonic() > give_up_at:
                    _log.error("processes that cannot be killed: %s", orphans)
                    return
                living = [pid for pid in orphans if not _reaped(pid)]
                for pid in living:
                    kill_family(pid)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP_LIMIT_S):
                        await asyncio.gather(*map(reap, living))


def _reaped(pid: int) -> bool:
    """Reap ``pid`` if it has ended, as most of a family that was killed; return whether it has."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


async def reap(pid: int) -> int | None:
    """Wait for the end of a child, reap it, and return its status as ``subprocess`` has it; None if it is no child."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
        _, status = os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 -- it does not wait
        return os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        return None
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
