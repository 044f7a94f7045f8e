"""How much memory a family has, in slices and within a budget: proc(5)."""

import math
import time

from interpreterd.processes.hidden_memory import HiddenMemory
from interpreterd.processes.usage import PAGE_BYTES, Process, resident_bytes


class Measurement:
    """Measures the memory of a family, in slices and within a budget.

    First come files in memory that the processes have open, and swapped memory: see ``HiddenMemory``. Memory that n
    processes share counts as an n-th in each: /proc/[pid]/smaps_rollup. The kernel takes 12 µs a MiB for it, and up to
    20 ms for a process with many mappings. So the largest processes come first, and only until it is clear on which
    side of the limit the family is. Once the budget is spent, the resident memory of the others counts.

    Attributes:
        cost_s: The processor time that it has taken, in seconds.
        hidden: The part that is not resident.
    """

    def __init__(self, family: list[Process], limit_bytes: int | None, budget_s: float) -> None:
        """Measure ``family``; with a limit only as exactly as the limit needs. ``budget_s`` is processor time."""
        self.cost_s = 0.0
        self._family = {process.key: process for process in family}
        self._limit_bytes = limit_bytes
        self._budget_s = budget_s
        self.hidden = HiddenMemory()
        self._unseen = list(family)
        self._left = sorted(family, key=lambda process: process.resident_bytes)
        self._left_bytes = resident_bytes(family)
        self._measured_bytes = 0

    @property
    def bytes(self) -> int:
        """The memory of the family, or more: a process that is not measured counts with its resident memory."""
        return self._measured_bytes + self._left_bytes + self.hidden.bytes

    @property
    def _least_bytes(self) -> int:
        """The memory of the family, or less: files in memory may be what the other processes have mapped."""
        return self._measured_bytes + max(self.hidden.bytes - self._left_bytes, 0)

    def go_on(self, slice_s: float = math.inf) -> bool:
        """Measure for ``slice_s`` of processor time, not on a loop's thread; return whether the result is clear."""
        began = time.thread_time()
        spent_s = 0.0
        while self._unseen and spent_s < slice_s and self.cost_s + spent_s < self._budget_s:
            self.hidden.look_at(self._unseen.pop().pid)
            spent_s = time.thread_time() - began
        while not self._is_clear(spent_s) and spent_s < slice_s:
            process = self._left[-1]
            # Computed first, since another thread may read ``bytes`` meanwhile.
            measured_bytes = _proportional_bytes(process)
            if self.hidden.files:
                measured_bytes -= min(self.hidden.mapped_bytes(process.pid), measured_bytes)
            self._measured_bytes += measured_bytes
            self._left_bytes -= process.resident_bytes
            self._left.pop()
            spent_s = time.thread_time() - began
        self.cost_s += spent_s
        return self._is_clear(0)

    def _is_clear(self, spent_s: float) -> bool:
        if self.cost_s + spent_s >= self._budget_s:
            return True
        if self._unseen or not self._left:
            return not self._unseen
        limit_bytes = self._limit_bytes
        return limit_bytes is not None and (self._least_bytes > limit_bytes or self.bytes <= limit_bytes)

    def bytes_now(self, family: list[Process]) -> int:
        """Return the most memory that the family, now ``family``, can have, without reading it again.

        A page that is no longer shared does not show in resident memory, but as a fault.
        """
        grown_bytes = 0
        for process in family:
            before = self._family.get(process.key)
            if before is None:
                grown_bytes += process.resident_bytes
            else:
                faults_bytes = (process.faults - before.faults) * PAGE_BYTES
                grown_bytes += max(process.resident_bytes - before.resident_bytes, faults_bytes, 0)
        return self.bytes + grown_bytes


def _proportional_bytes(process: Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError:  # the process has asked not to be looked into
        pass
    return process.resident_bytes
