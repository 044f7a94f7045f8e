"""Facts about processes from proc(5). Sizes in bytes; a process that has ended counts nothing."""

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIB = 1024


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []


def below(pid: int) -> list[int]:
    """Return all descendants of ``pid``."""
    found: list[int] = []
    parents = [pid]
    while parents:
        parent = parents.pop()
        for thread in _threads(parent):
            children = [int(child) for child in _read(f"/proc/{parent}/task/{thread}/children").split()]
            found += children
            parents += children
    return found


def pss(pids: Iterable[int]) -> int:
    """Return the sum of proportional set sizes: a page that n processes share counts 1/n for each."""
    return sum(_rollup(pid, "Pss:") for pid in pids)


def rss(pid: int) -> int:
    """Return the resident set size."""
    return _rollup(pid, "Rss:")


def uss(pid: int) -> int:
    """Return the unique set size: the memory that no other process shares."""
    return _rollup(pid, "Private_Clean:") + _rollup(pid, "Private_Dirty:")


def ticks(pids: Iterable[int]) -> int:
    """Return the CPU time of ``pids``, user and system, in clock ticks (10 ms almost everywhere)."""
    total = 0
    for pid in pids:
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if fields:
            total += int(fields[11]) + int(fields[12])
    return total


def cpu_s(pid: int) -> float:
    """Return the CPU time of ``pid``, user and system, of all its threads, also of those that have ended.

    To the nanosecond, by the process's own clock: clock_getcpuclockid(3), which makes its number so.
    """
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def wake_ups(pids: Iterable[int]) -> int:
    """Return how often threads of ``pids`` have gone to sleep: polling shows here, although it costs no tick."""
    total = 0
    for pid in pids:
        for thread in _threads(pid):
            for line in _read(f"/proc/{pid}/task/{thread}/status").splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    total += int(line.split()[1])
    return total


def descriptors(pid: int) -> int:
    """Return how many file descriptors ``pid`` has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


async def settled(pid: int, limit_s: float = 20.0) -> None:
    """Wait until neither ``pid`` nor anything below it starts, ends or uses the CPU for a second, or ``limit_s``."""
    end = time.monotonic() + limit_s
    before, calm = (-1, -1), 0
    while calm < 4 and time.monotonic() < end:
        pids = [pid, *below(pid)]
        now = (len(pids), ticks(pids))
        calm = calm + 1 if now == before else 0
        before = now
        await asyncio.sleep(0.25)


def _rollup(pid: int, name: str) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * KIB
    return 0
