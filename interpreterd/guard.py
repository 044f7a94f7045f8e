"""A tiny process that outlives the daemon by a moment, to kill what its workers had started.

The daemon forks it before anything else and tells it, through a pipe, which workers there are. When the pipe ends, the
daemon is gone, by ``kill -9`` perhaps, and the guard kills every family that it knows, then ends itself. A worker that
notices the daemon's end waits some seconds before it ends, so that its family still hangs together.

In the single binary the daemon has a loader: its parent, which has unpacked the program into a temporary directory and
removes that in the end. If the loader was killed, the guard does it; if the daemon was, too, it waits for the loader's
end, which may come a moment later.
"""

import contextlib
import os
import select
import signal
import sys

from interpreterd.family import kill_family

_LOADER_LIMIT_S = 5  # it ends by itself once the daemon has


class Guard:
    """The daemon's end: tells the guard about workers. Never blocks, never raises.

    Attributes:
        loader: A pidfd of the single binary's loader, for the daemon to watch; None where there is none.
    """

    def __init__(self, pid: int, pipe: int, loader: int | None = None) -> None:
        self.pid = pid
        self.loader = loader
        self._pipe = pipe
        os.set_blocking(pipe, False)

    def watch(self, pid: int) -> None:
        """Have the family of ``pid`` killed when the daemon ends."""
        self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """``pid`` has been reaped; the number may come to mean another process."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """End the guard, and every family that it still knows."""
        self._tell(".\n")
        os.close(self._pipe)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # gone: nothing but kill -9 of guard and daemon leaves processes then
            os.write(self._pipe, line.encode())


def start() -> Guard:
    """Fork the guard. To be called before there are threads, an event loop or large modules."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # started with a standard stream closed: the pipe must not become one
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
    """Return once the daemon is gone and its families are; say whether it has ended by itself."""
    os.setsid()  # a signal for the daemon's group is not for the guard
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # whoever reads the daemon's output waits for its end
        os.dup2(nothing, fd)
    workers: set[int] = set()
    orderly = False
    with open(pipe, "rb", buffering=0) as messages:
        unread = b""
        while data := messages.read(1 << 16):
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                if line == b".":
                    orderly = True
                elif line.startswith(b"+"):
                    workers.add(int(line[1:]))
                else:
                    workers.discard(int(line[1:]))
    for pid in workers:
        kill_family(pid)
    return orderly
