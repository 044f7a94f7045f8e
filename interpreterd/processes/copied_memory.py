"""How much memory the parked copies of a process keep: /proc/[pid]/smaps_rollup, proc(5).

A copy shares its pages with the process that was forked, until one of them writes. So it costs what it has alone. But
copies of one moment share among themselves what the process has changed since: no one of them has that alone, and all
together keep it. The kernel takes some 12 µs a MiB for an answer: so it is for a thread, within a budget.
"""

import time
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from interpreterd.processes import proc_stat
from interpreterd.processes.usage import PAGE_BYTES

COPIES_BUDGET_S: Final = 1.0  # of processor time, for one question
LARGE_BYTES: Final = 64 << 20
"""A larger process is not measured while a client waits."""
_PRIVATE: Final = (b"Private_Clean:", b"Private_Dirty:", b"Private_Hugetlb:")


@frozen
class Copies:
    """A process and its parked copies.

    Attributes:
        original: The pid of the process; None if it has ended.
        copies: The pids of the copies.
    """

    original: int | None
    copies: tuple[int, ...]


@frozen
class CopiedMemory:
    """What the copies keep.

    Attributes:
        private_bytes: What each has alone, by its pid.
        kept_bytes: What all together keep from being free, or a little less.
    """

    private_bytes: dict[int, int]
    kept_bytes: int


@frozen
class _Rollup:
    """One process: memory that it has alone, its share of anonymous memory, all of its anonymous memory."""

    private_bytes: int = 0
    share_bytes: int = 0
    anonymous_bytes: int = 0


def measure_copies(groups: Sequence[Copies]) -> list[CopiedMemory | None]:
    """Return the memory of the copies of each of ``groups``; None where the budget was spent before.

    A process that has ended, or may not be looked into, counts as nothing.
    """
    until = time.thread_time() + COPIES_BUDGET_S
    return [_measure(group) if time.thread_time() < until else None for group in groups]


def first_bytes(copy: int) -> int:
    """Return what a new copy has alone; of a large one, which takes long to measure, the pages that it has touched."""
    fields = proc_stat.stat(copy)
    if not fields:
        return 0
    if int(fields[proc_stat.RESIDENT]) * PAGE_BYTES > LARGE_BYTES:
        return int(fields[proc_stat.FAULTS]) * PAGE_BYTES
    return _rollup(copy).private_bytes


def _measure(group: Copies) -> CopiedMemory:
    rollups = {pid: _rollup(pid) for pid in group.copies}
    private_bytes = {pid: it.private_bytes for pid, it in rollups.items()}
    original = _Rollup() if group.original is None else _rollup(group.original)
    # The shares of all add up to all pages of the group, less what others share, such as a template: without those of
    # the original, the pages that only copies have are left.
    left_bytes = sum(it.share_bytes for it in rollups.values()) + original.share_bytes - original.anonymous_bytes
    return CopiedMemory(private_bytes, max(sum(private_bytes.values()), left_bytes))


def _rollup(pid: int) -> _Rollup:
    private = share = anonymous = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(_PRIVATE):
                    private += int(line.split()[1]) << 10
                elif line.startswith(b"Pss_Anon:"):
                    share = int(line.split()[1]) << 10
                elif line.startswith(b"Anonymous:"):
                    anonymous = int(line.split()[1]) << 10
    except OSError:
        return _Rollup()
    return _Rollup(private, share, anonymous)
