"""A tiny process that outlives the daemon by a moment, to kill the families of its workers.

The daemon forks it before anything else, and tells it through a pipe which workers there are. When the pipe ends, the
daemon is gone, perhaps by ``kill -9``. The guard then kills every family that it knows, and ends. A worker that
notices the daemon's end waits some seconds before it ends, so that its family still hangs together.

In the single binary the daemon's parent is a loader, which has unpacked the program into a temporary directory and
removes that directory in the end. If the loader was killed, the guard removes it. If the daemon was killed too, the
guard waits for the loader's end, which may come a moment later.
"""

import contextlib
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from interpreterd.processes.families import CLEANERS_LIMIT_S, DEATH_LIMIT_S, kill_family, parent_and_start, state
from interpreterd.processes.remains import Files, Remains, remove
from interpreterd.processes.undumpable import become_undumpable

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_LOADER_LIMIT_S = 5  # the loader ends by itself once the daemon has ended
_LINES_AT_ONCE = 256  # a pipe takes them as a whole or not at all: they are fewer than PIPE_BUF bytes, pipe(7)
_CLOSE_LIMIT_S = 2
_HIDE = 0  # no worker's pid


class Guard:
    """The daemon's end: tells the guard about workers. Never raises; blocks only in ``close``.

    What the pipe has no room for is written when it has room: at most one line for each worker that lives, or that the
    guard takes for living.

    Attributes:
        loader: A pidfd of the single binary's loader, for the daemon to watch; None without a loader.
    """

    def __init__(self, pid: int, pipe: int, loader: int | None = None) -> None:
        self.pid = pid
        self.loader = loader
        self._pipe = pipe
        self._told: set[int] = set()
        self._untold: dict[int, bool] = {}  # pid to whether it is alive
        self._loop: AbstractEventLoop | None = None  # the loop that waits for room
        os.set_blocking(pipe, False)

    def watch(self, *pids: int) -> None:
        """Kill the families of ``pids`` when the daemon ends."""
        for pid in pids:
            self._tell(pid, lives=True)

    def forget(self, *pids: int) -> None:
        """Forget ``pids``, which have been reaped or killed; other processes may get these numbers."""
        for pid in pids:
            self._tell(pid, lives=False)

    def hide(self) -> None:
        """Hide the daemon's memory, and its copy in the guard, from other processes of their user: ``undumpable``."""
        become_undumpable()
        self.watch(_HIDE)

    def close(self) -> None:
        """End the guard, and every family that it still knows; wait for the guard, but only a moment.

        A guard that does not listen is killed: the pids that it last heard of may be other processes by now.
        """
        self._forget_loop()
        give_up_at = time.monotonic() + _CLOSE_LIMIT_S
        while not self._write() and _ready(self._pipe, select.POLLOUT, give_up_at):
            pass
        if self._untold:
            self._kill()
        with contextlib.suppress(OSError):
            os.write(self._pipe, b".\n")
        os.close(self._pipe)
        with contextlib.suppress(OSError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # raises if it is no child
            pidfd = os.pidfd_open(self.pid)
            try:
                if not _ready(pidfd, select.POLLIN, give_up_at):
                    self._kill()
                    _ready(pidfd, select.POLLIN, give_up_at + _CLOSE_LIMIT_S)
            finally:
                os.close(pidfd)
            os.waitpid(self.pid, os.WNOHANG)

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            os.kill(self.pid, signal.SIGKILL)

    def _tell(self, pid: int, *, lives: bool) -> None:
        if lives == (pid in self._told):
            self._untold.pop(pid, None)
        else:
            self._untold[pid] = lives
        if not self._write():
            self._write_later()

    def _write(self) -> bool:
        """Write what is unwritten; return False if the pipe has no room for it."""
        while self._untold:
            lines = list(self._untold.items())[:_LINES_AT_ONCE]
            try:
                os.write(self._pipe, b"".join(b"%c%d\n" % (b"-+"[lives], pid) for pid, lives in lines))
            except BlockingIOError:
                return False
            except OSError:  # the guard is gone: processes are left only if the daemon is killed by kill -9 as well
                self._untold.clear()
                return True
            for pid, lives in lines:
                del self._untold[pid]
                (self._told.add if lives else self._told.discard)(pid)
        return True

    def _write_later(self) -> None:
        import asyncio  # the daemon has imported it; the guard, which was forked before, does not need it

        with contextlib.suppress(RuntimeError):  # no loop: the next message takes this along
            self._loop = asyncio.get_running_loop()
            self._loop.add_writer(self._pipe, self._write_now)

    def _write_now(self) -> None:
        if self._write():
            self._forget_loop()

    def _forget_loop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_writer(self._pipe)
        self._loop = None


def _ready(fd: int, event: int, until: float) -> bool:
    """Wait for ``event`` of poll(2), until ``until`` on the monotonic clock; return whether it came."""
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(max(0, int((until - time.monotonic()) * 1000))))


def start() -> Guard:
    """Fork the guard. To be called before there are threads, an event loop or large modules."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # the daemon was started with a closed standard stream: the pipe must not become one
    os.close(fd)
    unpacked = _unpacked()
    loader = os.pidfd_open(os.getppid()) if unpacked is not None else None
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reader)
        return Guard(pid, writer, loader)
    status = 1
    try:
        os.close(writer)
        wait_s = 0 if _run(reader) else _LOADER_LIMIT_S
        if unpacked is not None and loader is not None and select.select([loader], [], [], wait_s)[0]:
            import shutil

            shutil.rmtree(unpacked, ignore_errors=True)
        status = 0
    finally:
        os._exit(status)


def _unpacked() -> str | None:
    """Return the directory into which the loader has unpacked the program; None without a loader."""
    folder = getattr(sys, "_MEIPASS", "")
    return folder if os.path.basename(folder).startswith("_MEI") else None


def _run(pipe: int) -> bool:
    """Return once the daemon and its families are gone; return whether the daemon has ended by itself."""
    os.setsid()  # a signal for the daemon's group must not reach the guard
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # a reader of the daemon's output waits for the end of these
        os.dup2(nothing, fd)
    workers: dict[int, bool] = {}
    remains = Remains()
    orderly = False
    with open(pipe, "rb", buffering=0) as messages:
        unread = b""
        while data := messages.read(1 << 16):
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                if line == b".":
                    orderly = True
                elif line == b"+%d" % _HIDE:
                    become_undumpable()
                elif line.startswith(b"+"):
                    workers[int(line[1:])] = True
                    remains.begin(int(line[1:]))
                else:
                    workers.pop(int(line[1:]), None)
                    remains.settle(int(line[1:]))
    # A template's forks before the template: below a dead worker no cleaner is found, and its group is killed.
    cleaners = [cleaner for pid in reversed(workers) for cleaner in kill_family(pid, before=remains.noting(pid))]
    _end_cleaners([(cleaner, parent_and_start(cleaner)[1]) for cleaner in cleaners])
    for pid in workers:
        remains.settle(pid)
    _remove(remains.take())
    return orderly


def _remove(files: Files) -> None:
    """Remove the files that families have left in /dev/shm, after giving killed processes a moment to end."""
    give_up_at = time.monotonic() + DEATH_LIMIT_S
    while files and remove(files) and time.monotonic() < give_up_at:
        time.sleep(0.05)


def _end_cleaners(cleaners: list[tuple[int, int]]) -> None:
    """Give the spared cleaners their time, then kill them; each is a pid and a start time."""
    give_up_at = time.monotonic() + CLEANERS_LIMIT_S
    while cleaners and time.monotonic() < give_up_at:
        cleaners = [it for it in cleaners if state(it[0]) not in "ZX" and parent_and_start(it[0])[1] == it[1]]
        time.sleep(0.01)
    kill_family(*[pid for pid, _ in cleaners])
