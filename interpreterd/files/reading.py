"""A regular file below a directory, open for reading."""

import os
import threading
from typing import Self

from interpreterd.files.beneath import locate, open_directory, reopen
from interpreterd.files.entries import check_regular, described
from interpreterd.files.told import told
from interpreterd.model.files import FileInfo, path_parts


class ReadableFile:
    """An open file. Its functions may wait for a disk, so call them in a thread.

    Attributes:
        info: The file as it was when it was opened.
    """

    def __init__(self, fd: int, info: FileInfo) -> None:
        """Own ``fd``."""
        self._fd = fd
        self._turn = threading.Lock()  # else a number that was closed meanwhile could be another file's
        self.info = info

    @classmethod
    def open(cls, directory: str, path: str) -> Self:
        """Open the file at ``path`` below ``directory``, which is absolute and has no symbolic link.

        Raises:
            InvalidPath, FileError
        """
        path_parts(path)
        with told(path):
            root = open_directory(directory)
            try:
                found = locate(root, path)
            finally:
                os.close(root)
            try:
                # Before it is opened for reading: that would wake the writers of a FIFO, and act on some devices.
                check_regular(path, os.fstat(found))
                fd = reopen(found, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            finally:
                os.close(found)
            return cls(fd, described(path, os.fstat(fd)))

    def read(self, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; none at the end of the file. Raises ``FileError``."""
        with told(self.info.path), self._turn:
            return os.pread(self._fd, size, offset)

    def close(self) -> None:
        """Close the file. Repeating it changes nothing."""
        with self._turn:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        """Close the file of a reader that was stopped while a thread opened it."""
        self.close()
