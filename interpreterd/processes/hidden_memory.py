"""Memory that is not resident in a process: files in memory, and what has been swapped out. proc(5).

Files in /dev/shm and those of memfd_create(2) take up memory while nobody maps them. The kernel does not say who has
made one, so these count: files that a process of the family has open, and all files of a /dev/shm of its own.
"""

import contextlib
import os
import re
from itertools import islice
from typing import Final

from interpreterd.processes.remains import DIRECTORY

DESCRIPTORS_SEEN: Final = 4096  # of a process
_BLOCK_BYTES = 512  # stat(2)
_NAMES = ("/memfd:", DIRECTORY + "/")
_MAPPING = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) ")
_ALL = (b"Shmem:", b"Hugetlb:", b"SwapTotal:")

File = tuple[int, int]  # device, inode

not_counted: set[File] = set()
"""Files that every worker has open, and that the daemon has made."""


def most_hidden_bytes() -> int:
    """Return how much memory of the whole machine is of this kind; raises OSError."""
    total = 0
    with open("/proc/meminfo", "rb", 0) as file:
        for line in file.read(1 << 14).splitlines():
            if line.startswith(_ALL):
                total += int(line.split()[1]) << 10
            elif line.startswith(b"SwapFree:"):
                total -= int(line.split()[1]) << 10
    return total


class HiddenMemory:
    """The hidden memory of a family. ``look_at`` each process first.

    Attributes:
        files: The bytes that each file takes up; None as inode stands for a whole file system.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[int, int | None], int] = {}
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """All of it. A part that is mapped is also in the resident memory of a process: ``mapped_bytes``."""
        return self._bytes

    def look_at(self, pid: int) -> None:
        """Add the files of ``pid``, and its swapped memory; nothing of a process that is gone or may not be seen."""
        with contextlib.suppress(OSError):
            self._look_at_directory(pid)
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in islice(entries, DESCRIPTORS_SEEN):
                with contextlib.suppress(OSError):
                    # The name first: stat(2) asks the file system, which may never answer.
                    if os.readlink(entry.path).startswith(_NAMES):
                        found = os.stat(entry.path)
                        self._add(found.st_dev, found.st_ino, found.st_blocks * _BLOCK_BYTES)
        self._bytes += _swapped_bytes(pid)

    def _look_at_directory(self, pid: int) -> None:
        """Add its /dev/shm, if that is not the daemon's."""
        path = f"/proc/{pid}/root{DIRECTORY}"
        device = os.stat(path).st_dev
        if device in (os.stat(DIRECTORY).st_dev, os.stat(f"/proc/{pid}/root").st_dev):
            return
        room = os.statvfs(path)
        self._add(device, None, (room.f_blocks - room.f_bfree) * room.f_frsize)

    def _add(self, device: int, inode: int | None, size_bytes: int) -> None:
        if (device, inode) in self.files or (device, None) in self.files or (device, inode) in not_counted:
            return
        self.files[device, inode] = size_bytes
        self._bytes += size_bytes

    def mapped_bytes(self, pid: int) -> int:
        """Return the proportional resident memory of ``pid`` in ``files``: /proc/[pid]/smaps."""
        mapped, counts = 0, False
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    mapped += int(line.split()[1]) << 10 if counts else 0
                elif found := _MAPPING.match(line):
                    device = os.makedev(int(found[1], 16), int(found[2], 16))
                    counts = (device, int(found[3])) in self.files or (device, None) in self.files
        return mapped


def _swapped_bytes(pid: int) -> int:
    with contextlib.suppress(OSError), open("/proc/swaps", "rb", 0) as file:
        if file.read(1 << 12).count(b"\n") < 2:  # there is no swap space
            return 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb", 0) as file:
        for line in file.read(1 << 13).splitlines():
            if line.startswith(b"VmSwap:"):
                return int(line.split()[1]) << 10
    return 0
