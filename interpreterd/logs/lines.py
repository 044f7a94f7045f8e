"""Lines for a descriptor that perhaps no process reads: one thread writes them, and no other thread waits."""

import io
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

LIMIT_BYTES: Final = 1 << 20
STDERR_LINE_LIMIT_BYTES: Final = 64 << 10
FLUSH_LIMIT_S: Final = 0.5


class Lines:
    """Lines on their way to a descriptor. ``put`` never waits, in no thread.

    At most ``LIMIT_BYTES`` wait. Further lines are dropped, and so are lines that cannot be written (a full disk, a
    closed reader). A line of its own reports how many were dropped, as soon as one can be written again.

    The descriptor is never made non-blocking, because other processes share its terminal or pipe.
    """

    def __init__(self, fd: int, *, tell: Callable[[int], str], tick: Callable[[], float | None]) -> None:
        """Write to ``fd``, which stays the caller's, from now on.

        ``tell`` returns the line that says how many were dropped. The writing thread calls ``tick`` each time when
        all is written. ``tick`` may ``put``, and returns the seconds until it wants to be called again, or None.
        """
        self._fd = fd
        self._tell = tell
        self._tick = tick
        self._changed = threading.Condition()
        self._waiting: deque[bytes | int] = deque()  # a number stands for that many dropped lines
        self._bytes = 0  # includes the line that is being written
        self._writing = False
        self._lost = 0
        self._torn = False
        # A daemon thread: it may wait in write(2) for ever, and the process can end all the same.
        threading.Thread(target=self._write_all, name="lines", daemon=True).start()

    def put(self, line: str) -> None:
        """Write ``line`` later, without a newline at its end; it is cut at ``STDERR_LINE_LIMIT_BYTES``."""
        data = line.encode(errors="backslashreplace")[:STDERR_LINE_LIMIT_BYTES] + b"\n"
        with self._changed:
            if self._bytes + len(data) <= LIMIT_BYTES:
                self._waiting.append(data)
                self._bytes += len(data)
            elif self._waiting and isinstance(self._waiting[-1], int):
                self._waiting[-1] += 1
            else:
                self._waiting.append(1)
            self._changed.notify_all()

    def flush(self, limit_s: float = FLUSH_LIMIT_S) -> None:
        """Wait until all is written, or for ``limit_s``."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._writing), limit_s)

    def _write_all(self) -> None:
        due: float | None = None
        while True:
            with self._changed:
                wait_s = None if due is None else max(0.0, due - time.monotonic())
                self._changed.wait_for(lambda: self._waiting, wait_s)
                item = self._waiting.popleft() if self._waiting else None
                self._writing = item is not None
            if item is not None:
                self._write_or_count(item)
                with self._changed:
                    self._writing = False
                    self._bytes -= 0 if isinstance(item, int) else len(item)
                    self._changed.notify_all()
            if not self._waiting:
                after_s = self._tick()
                due = None if after_s is None else time.monotonic() + after_s

    def _write_or_count(self, item: bytes | int) -> None:
        if isinstance(item, int):
            self._lost += item
            self._tell_lost()
        elif not (self._tell_lost() and self._write(item)):
            self._lost += 1

    def _tell_lost(self) -> bool:
        """Report how many lines were dropped, if any; return False if that cannot be written either."""
        if self._lost and self._write(self._tell(self._lost).encode(errors="backslashreplace") + b"\n"):
            self._lost = 0
        return not self._lost

    def _write(self, data: bytes) -> bool:
        """Write ``data``, however long that takes; return False if it cannot be written."""
        if self._torn:
            data = b"\n" + data
        unwritten = data
        while unwritten:
            try:
                unwritten = unwritten[os.write(self._fd, unwritten) :]
            except BlockingIOError:  # another process has made it non-blocking
                ready = select.poll()
                ready.register(self._fd, select.POLLOUT)
                ready.poll()
            except OSError:
                self._torn = self._torn or len(unwritten) < len(data)
                return False
        self._torn = False
        return True


class LineStream(io.TextIOBase):
    """Stands for ``sys.stderr``: printed text goes line by line through ``Lines``, in order with the log."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, lines: Lines, fd: int) -> None:
        """Write to ``lines``, which write to ``fd``."""
        self._lines = lines
        self._fd = fd
        self._lock = threading.Lock()
        self._unfinished = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, text: str) -> int:
        """Take ``text``; an incomplete line waits for its end, up to ``STDERR_LINE_LIMIT_BYTES`` characters."""
        with self._lock:
            *lines, self._unfinished = (self._unfinished + text).split("\n")
            if len(self._unfinished) > STDERR_LINE_LIMIT_BYTES:
                lines.append(self._unfinished)
                self._unfinished = ""
        for line in lines:
            self._lines.put(line)
        return len(text)
