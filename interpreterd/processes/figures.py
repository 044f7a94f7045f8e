"""All figures of process trees that proc(5) has: memory in three ways, threads, processes, descriptors.

A question costs some 12 µs for each process of the machine, and for each process that is asked about some 100 µs and
12 µs a MiB: so it is for a thread, when somebody asks, and within a budget of processor time.
"""

import os
import time
from collections.abc import Iterable, Mapping

from attrs import frozen

from interpreterd.processes.trees import TREE_ENTRIES_LIMIT, Walk
from interpreterd.processes.usage import (
    ALL_BUDGET_S,
    FAMILY_BUDGET_S,
    NO_COPIES,
    Process,
    Snapshot,
    resident_bytes,
)

_UNIQUE = (b"Private_Clean:", b"Private_Dirty:", b"Private_Hugetlb:")


@frozen(kw_only=True, eq=False, repr=False)
class Figures:
    """A family at one moment.

    Attributes:
        family: Its processes.
        resident_bytes: Memory that is shared with other processes counts in each of them.
        proportional_bytes: Memory that n processes share counts as an n-th in each.
        unique_bytes: Memory that no other process has, not even another one of the family.
        is_exact: False if there was no time, or no right, to measure each process: of the others, the resident memory
            counts as proportional and as unique.
        descriptors: Open ones; those of processes that may not be looked into are missing.
    """

    family: list[Process]
    resident_bytes: int
    proportional_bytes: int
    unique_bytes: int
    is_exact: bool
    threads: int
    descriptors: int


def measure_all(pids: Iterable[int], copies: Mapping[int, tuple[int, ...]] = NO_COPIES) -> dict[int, Figures]:
    """Return the figures of each of ``pids`` with all its descendants, small families first; without those gone.

    ``copies`` has the parked copies that count with a process.
    """
    snapshot = Snapshot()
    families = {pid: family for pid in pids if (family := snapshot.family(pid, copies.get(pid, ())))}
    left_s = ALL_BUDGET_S
    found = {}
    for pid, family in sorted(families.items(), key=lambda item: resident_bytes(item[1])):
        began = time.thread_time()
        found[pid] = _figures(family, min(FAMILY_BUDGET_S, left_s))
        left_s -= time.thread_time() - began
    return found


def measure_disks(directories: Iterable[str]) -> dict[str, int]:
    """Return how much each of ``directories`` holds; without those that cannot be counted within the budget."""
    left_s = ALL_BUDGET_S
    found = {}
    for directory in set(directories):
        walk = Walk(directory)
        try:
            if walk.go_on(min(FAMILY_BUDGET_S, left_s)) and walk.size.entries < TREE_ENTRIES_LIMIT:
                found[directory] = walk.size.size_bytes
        except OSError:  # it is gone, or closed to the daemon
            pass
        finally:
            walk.close()
        left_s -= walk.cost_s
    return found


def _figures(family: list[Process], budget_s: float) -> Figures:
    until = time.thread_time() + budget_s
    proportional_bytes = unique_bytes = threads = descriptors = 0
    is_exact = True
    # The largest first: of the others, little is wrong.
    for process in sorted(family, key=lambda it: -it.resident_bytes):
        threads += process.threads
        measured = None
        if time.thread_time() < until:
            measured = _memory(process.pid)
            descriptors += _descriptors(process.pid)
        is_exact &= measured is not None
        pss, uss = measured or (process.resident_bytes, process.resident_bytes)
        proportional_bytes += pss
        unique_bytes += uss
    return Figures(
        family=family,
        resident_bytes=resident_bytes(family),
        proportional_bytes=proportional_bytes,
        unique_bytes=unique_bytes,
        is_exact=is_exact,
        threads=threads,
        descriptors=descriptors,
    )


def _memory(pid: int) -> tuple[int, int] | None:
    """Return proportional and unique memory; None if it may not be asked for."""
    proportional = unique = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    proportional = int(line.split()[1]) << 10
                elif line.startswith(_UNIQUE):
                    unique += int(line.split()[1]) << 10
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    except OSError:
        return None
    return proportional, unique


def _descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0
