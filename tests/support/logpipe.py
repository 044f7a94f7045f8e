"""A pipe for a log."""

import fcntl
import os
from collections.abc import Iterator

import pytest


class Pipe:
    """A small pipe. ``reader`` and ``writer`` are its ends."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)

    def fill(self) -> None:
        """Fill the pipe."""
        os.set_blocking(self.writer, False)
        for size in (4096, 1):
            try:
                while True:
                    os.write(self.writer, b"-" * size)
            except BlockingIOError:
                pass
        os.set_blocking(self.writer, True)

    def read_until(self, text: bytes) -> bytes:
        """Read until ``text`` has come; return everything read."""
        data = b""
        while text not in data:
            data += os.read(self.reader, 1 << 16)
        return data

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    it = Pipe()
    yield it
    it.close()
