"""Finds the templates among a daemon's children."""

import contextlib
from pathlib import Path

from harness import children


def templates(daemon: int) -> list[int]:
    """Return the pids of a daemon's templates.

    A template's command line has one word more than other workers'. Its forks also have it, but higher niceness.
    """
    found = []
    for pid in children(daemon):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
            script = [number for number, word in enumerate(words) if word.startswith("/proc/self/fd/")]
            if script and len(words) - script[0] == 5 and niceness(pid) == niceness(daemon):
                found.append(pid)
    return found


def niceness(pid: int) -> int:
    """Return the niceness of a process, a field of proc(5)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
