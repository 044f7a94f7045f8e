"""/proc/[pid]/stat, proc(5): the fields of a process, and what each of them is."""

import os
import time
from typing import Final

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
# Positions of the fields, counted from after the name, which is the second one.
STATE, PARENT, GROUP, SESSION, FAULTS = 0, 1, 2, 3, 7
UTIME, STIME, CUTIME, CSTIME, STARTED, RESIDENT, ARGUMENTS = 11, 12, 13, 14, 19, 21, 45
THREAD_COUNT: Final = 17


def stat(pid: int) -> list[bytes] | None:
    """Return the fields from the state on; None if the process is gone."""
    named = named_stat(pid)
    return None if named is None else named[1]


def named_stat(pid: int) -> tuple[bytes, list[bytes]] | None:
    """Return the pid and name that come before those fields, and the fields; None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            name, _, rest = file.read().rpartition(b")")
    except OSError:
        return None
    fields = rest.split()
    return (name, fields) if fields else None


def ticks_since_boot() -> int:
    """Return the time as ``STARTED`` has it."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS_PER_S)
