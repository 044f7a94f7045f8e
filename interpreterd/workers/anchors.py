"""The first process of a pid namespace, which does nothing, and ends when no worker is left in the namespace.

It is the parent of those whose parents have ended: of copies of a worker, which are registered, and of processes that
a dead worker has left behind, which are swept as if they were the daemon's own. With it all of them end.
"""

import contextlib
import os
import signal
from functools import partial

from interpreterd.processes.nursery import Nursery
from interpreterd.workers.moving import Heir


class Anchor:
    """One such process.

    Attributes:
        pid: None when it has ended.
    """

    def __init__(self, pid: int, parent: int, nursery: Nursery) -> None:
        """Watch ``pid``, a child of ``parent`` and then the daemon's; a worker is in its namespace."""
        self._workers = 1
        self.pid: int | None = pid
        self._nursery = nursery
        nursery.spare(pid)
        nursery.add_template(pid)
        Heir(pid, parent, partial(self._ended, pid))

    def join(self) -> "Anchor":
        """One more worker is there, a copy of another one; return this."""
        self._workers += 1
        return self

    def leave(self) -> None:
        """A worker has ended; with the last one all ends."""
        self._workers -= 1
        if not self._workers and self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _ended(self, pid: int, status: int | None) -> None:
        self.pid = None
        self._nursery.remove(pid)
