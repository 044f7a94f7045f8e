"""The file of the audit log: only appended to, by one daemon at a time, line after line of one chain."""

import contextlib
import fcntl
import os
from typing import Any, Final

from interpreterd.monitoring.audit_chain import BEGUN, LAST_WHOLE, LINE_LIMIT_BYTES, START, chained, line_hash

_MODE: Final = 0o600
_STEP_BYTES: Final = 64 << 10


class AuditFile:
    """An open file of the chain.

    Attributes:
        last: The hash of the last line.
    """

    def __init__(self, path: str, after: str | None = None) -> None:
        """Open or make the file at ``path``; a chain goes on with the hash ``after``, or with the file's last line.

        Raises:
            OSError: It cannot be opened, or another process has it.
        """
        self.last = START
        self._path = path
        self._unwritten = b""
        self._added: list[bytes] = []
        # O_RDWR: its last line is read. O_NONBLOCK: a FIFO without a reader is an error, not a wait.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._fd = os.open(path, flags, _MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            line, is_torn, self._whole = _last_line(self._fd)
        except BaseException:
            os.close(self._fd)
            raise
        if line:
            self.last = line_hash(line)
        if is_torn:
            self._unwritten = b"\n"
        elif after is not None and not line:
            self.last = after

    @property
    def is_in_place(self) -> bool:
        """Whether its path still leads to it."""
        try:
            there, here = os.stat(self._path), os.fstat(self._fd)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    @property
    def is_full_of(self) -> int:
        """How many bytes still have to be written."""
        return len(self._unwritten) + sum(map(len, self._added))

    def begin(self, body: dict[str, Any]) -> None:
        """Add the first line of a daemon, or of a file. After a cut line it names the hash of the one before that."""
        whole = {LAST_WHOLE: line_hash(self._whole)} if self._whole else {}
        self._whole = b""
        self.add({"event": BEGUN, **body, **whole})

    def add(self, body: dict[str, Any]) -> None:
        """Add a line; ``write`` writes it."""
        line, self.last = chained(body, self.last)
        self._added.append(line)

    def write(self) -> None:
        """Write what has been added. Raises OSError; what is left is written by the next call."""
        self._unwritten += b"".join(self._added)
        self._added.clear()
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(self._fd, self._unwritten) :]

    def close(self) -> None:
        """Leave the file to others, when its content has reached the disk. Repeating it changes nothing."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(self._fd)
            os.close(self._fd)
            self._fd = -1


def last_hash(path: str) -> str | None:
    """Return the hash of the last line of a file that another process may write to; None if it has none."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        line, _, _ = _last_line(fd)
    finally:
        os.close(fd)
    return line_hash(line) if line else None


def _last_line(fd: int) -> tuple[bytes, bool, bytes]:
    """Return the last line of a file, without its newline; whether that is missing; and then, the line before.

    They are empty for an empty file, and the third one also if the last line is whole, or there is none before it.
    """
    end = os.fstat(fd).st_size
    data = b""
    while end and len(data) < 2 * LINE_LIMIT_BYTES and data.count(b"\n") < 2:
        begin = max(0, end - _STEP_BYTES)
        data = os.pread(fd, end - begin, begin) + data
        end = begin
    is_torn = bool(data) and not data.endswith(b"\n")
    before, _, last = data.removesuffix(b"\n").rpartition(b"\n")
    return last, is_torn, before.rpartition(b"\n")[2] if is_torn else b""
