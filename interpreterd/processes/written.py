"""What the processes of a family have written to files, and deleted files that they have open: proc(5)."""

import contextlib
import os
from collections.abc import Iterable
from itertools import islice
from typing import Final

from interpreterd.processes.trees import BLOCK_BYTES

DESCRIPTORS_LIMIT: Final = 1024  # of a process
_DELETED = " (deleted)"
_READ_BYTES = 1 << 12


def written_bytes(pids: Iterable[int]) -> int | None:
    """Return the bytes that ``pids``, and the children that they have waited for, have written so far, or more.

    None if that is not known: a process hides it, or the kernel does not count it. Space that fallocate(2) takes is
    not among them.
    """
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/io", "rb", 0) as file:
                counts = dict(line.split(b": ") for line in file.read(_READ_BYTES).splitlines())
        except (FileNotFoundError, ProcessLookupError):
            if not os.path.exists(f"/proc/{pid}"):
                continue
            return None
        except OSError:
            return None
        # By calls, also to pipes; or by pages of files, also of mapped ones.
        total += max(int(counts[b"wchar"]), int(counts[b"write_bytes"]))
    return total


def deleted_bytes(pids: Iterable[int], directories: tuple[str, ...]) -> int:
    """Return the space of deleted files in ``directories`` that ``pids`` have open: it is free only when they end."""
    prefixes = tuple(directory.rstrip("/") + "/" for directory in directories)
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in islice(entries, DESCRIPTORS_LIMIT):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    link = os.readlink(entry.path)
                    # The name first: stat(2) asks the file system, which may be a foreign one and never answer.
                    if link.endswith(_DELETED) and link.startswith(prefixes):
                        file = os.stat(entry.path)
                        if file.st_nlink == 0:
                            found[file.st_dev, file.st_ino] = file.st_blocks * BLOCK_BYTES
    return sum(found.values())
