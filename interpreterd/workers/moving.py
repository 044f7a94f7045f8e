"""A worker that moves: its child goes on as the worker, in a pid namespace, which a process can only be born into.

    worker                             daemon
    forks; the child waits
    {"type":"moved","pid":N}    ─►     registers N, as long as it is the worker's child
    ends                        ◄─     {"type":"leave"}
    the child goes on, and is now the daemon's

So at every moment N is known, or below a process that is known: no sweep takes it for an orphan, and the guard finds
it. The daemon is a subreaper. It sees the end of N here, and reaps it.
"""

import asyncio
import fcntl
import os
import struct
from collections.abc import Callable
from typing import Final

from interpreterd.processes.families import parent_and_start

AGAIN_S: Final = 0.05
_GET_INFO: Final = 0xC040FF0B  # PIDFD_GET_INFO, <linux/pidfd.h>
_INFO: Final = struct.Struct("=Q52xi")  # of struct pidfd_info: mask, exit_code
_INFO_EXIT: Final = 8


class Heir:
    """Watches a process that is a child of ``parent``, and the daemon's as soon as ``parent`` has ended.

    ``on_end`` is called once, with its exit status as ``subprocess`` has it, or None if it is not known.
    """

    def __init__(self, pid: int, parent: int, on_end: Callable[[int | None], None]) -> None:
        self._pid = pid
        self._parent = parent
        self._on_end = on_end
        self._pidfd: int | None = None
        self._watch()

    def _watch(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except OSError:  # there is no descriptor left, or it is gone
            self._reap()
        else:
            asyncio.get_running_loop().add_reader(self._pidfd, self._ended)

    def _ended(self) -> None:
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
        self._reap()

    def _reap(self) -> None:
        """Reap it if it has ended, otherwise look again later: it may have a tracer, or still be ``parent``'s."""
        status = None
        try:
            pid, encoded = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                status = os.waitstatus_to_exitcode(encoded)
        except ChildProcessError:
            pid = 0 if parent_and_start(self._pid)[0] == self._parent else self._pid
            if pid and self._pidfd is not None:
                status = told_status(self._pidfd)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        if pid:
            self._on_end(status)
        else:
            asyncio.get_running_loop().call_later(AGAIN_S, self._watch)


def told_status(pidfd: int) -> int | None:
    """Return the exit status of a process that another one, or the kernel itself, has reaped.

    None before Linux 6.15, which does not tell it.
    """
    asked = bytearray(_INFO.pack(_INFO_EXIT, 0))
    try:
        fcntl.ioctl(pidfd, _GET_INFO, asked)
    except OSError:
        return None
    known, encoded = _INFO.unpack(asked)
    return os.waitstatus_to_exitcode(encoded) if known & _INFO_EXIT else None


def are_children(parent: int, *pids: int | None) -> bool:
    """Return whether all of ``pids`` are children of ``parent``; None stands for no process."""
    return all(parent_and_start(pid)[0] == parent for pid in pids if pid is not None)
