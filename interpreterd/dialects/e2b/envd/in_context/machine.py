"""What commands find: the environment, and how much of the machine is used; see ``files``."""

from __future__ import annotations

import os
import time

from interpreterd.dialects.e2b.envd.in_context.files import FUNCTIONS, Reply

_busy: list[tuple[int, int]] = [(0, 0)]


def environment() -> Reply:
    """Return the variables that commands and new contexts have."""
    return dict(os.environ)


def metrics() -> Reply:
    """Return how much of the machine is used; of the processors since the last call."""
    with open("/proc/stat") as file:
        ticks = [int(number) for number in file.readline().split()[1:9]]
    idle, total = ticks[3] + ticks[4], sum(ticks)
    before, _busy[0] = _busy[0], (idle, total)
    passed = max(1, total - before[1])
    with open("/proc/meminfo") as file:
        memory = {line.split(":")[0]: int(line.split()[1]) << 10 for line in file if line.count(" ") and "kB" in line}
    disk = os.statvfs("/")
    return {
        "cpu_count": os.cpu_count() or 1,
        "cpu_used_pct": round(100 * (1 - (idle - before[0]) / passed), 2),
        "ts": int(time.time()),
        "mem_total_mib": memory["MemTotal"] >> 20,
        "mem_used_mib": (memory["MemTotal"] - memory["MemAvailable"]) >> 20,
        "mem_total": memory["MemTotal"],
        "mem_used": memory["MemTotal"] - memory["MemAvailable"],
        "mem_cache": memory.get("Cached", 0),
        "disk_total": disk.f_blocks * disk.f_frsize,
        "disk_used": (disk.f_blocks - disk.f_bfree) * disk.f_frsize,
    }


FUNCTIONS.update({it.__name__: it for it in (environment, metrics)})
