"""The settings of contexts: their limits, and how many of their events are kept."""

import os
from typing import Final

from attrs import frozen

from interpreterd.setting_kinds import (
    LEAST_DISK_BYTES,
    LEAST_MEMORY_BYTES,
    LEAST_OPEN_FILES,
    MIB,
    absolute,
    at_least,
    byte_size,
    count,
    duration,
    parse_bytes,
    setting,
    whole,
)

LEAST_INTERVAL_S: Final = 0.5
QUEUE_LIMIT: Final = 1024  # a notebook sends all of its cells at once


def _some_time(text: str) -> float:
    time_s: float = duration(text)
    if not time_s:
        raise ValueError("must be more than 0")
    return time_s


def _interval(text: str) -> float:
    interval_s: float = duration(text)
    if 0 < interval_s < LEAST_INTERVAL_S:
        raise ValueError(f"must be 0, or at least {LEAST_INTERVAL_S:g}")
    return interval_s


def _cgroup(text: str) -> str:
    if text not in ("auto", "off") and not os.path.isabs(text):
        raise ValueError("must be off, auto or an absolute path")
    return text


@frozen(kw_only=True, eq=False, repr=False)
class ContextSettings:
    """The settings of contexts. Times in seconds, sizes in bytes."""

    cwd: str = setting(None, "working directory of the default context (default: the current one)", parse=absolute)
    max_contexts: int = setting(4096, "limit of contexts at the same time; the next one is refused", parse=count)
    max_running: int | None = setting(
        None,
        "number of executions that run at the same time; tenants take turns for them (default: no limit)",
        parse=count,
    )
    max_queued: int | None = setting(
        None, "number of executions that wait in all contexts; the next one is refused (default: no limit)", parse=count
    )
    max_creations_per_s: float | None = setting(
        None, "number of new contexts in a second; the next one is refused (default: no limit)", parse=_some_time
    )
    max_cpu_s_per_day: float | None = setting(
        None,
        "processor seconds of all contexts in a day, UTC; then contexts and executions are refused (default: no limit)",
        parse=_some_time,
    )
    max_memory: int | None = setting(
        None,
        "memory of all contexts; beyond it new contexts and executions are refused (default: no limit)",
        parse=byte_size,
    )
    context_memory: int | None = setting(
        None,
        "memory of a context's processes, for example 512M; beyond it they are killed (default: no limit)",
        parse=at_least(LEAST_MEMORY_BYTES, parse_bytes),
    )
    context_processes: int | None = setting(
        None,
        "number of processes and threads of a context; beyond it they are killed (default: no limit)",
        parse=count,
    )
    context_disk: int | None = setting(
        None,
        "what the files below a context's directory may grow by, for example 1G; beyond it its processes are killed "
        "(default: no limit)",
        parse=at_least(LEAST_DISK_BYTES, parse_bytes),
    )
    context_cgroups: str = setting(
        "auto",
        "cgroup (v2) in which each context gets one of its own: a path, off, or auto for one that was delegated to the "
        "daemon",
        parse=_cgroup,
    )
    context_open_files: int | None = setting(
        None,
        "number of descriptors that each process of a context may have open (default: the daemon's own limit)",
        parse=at_least(LEAST_OPEN_FILES, whole),
    )
    context_cpu_s: float | None = setting(
        None,
        "processor seconds of an execution; beyond them it is interrupted (default: no limit)",
        parse=_some_time,
    )
    context_output_bytes: int | None = setting(
        None, "output of an execution; the rest is cut (default: no limit)", parse=byte_size
    )
    code_limit_bytes: int | None = setting(
        None, "size limit of an execution's code; longer code is refused (default: no limit)", parse=byte_size
    )
    queue_limit: int = setting(
        QUEUE_LIMIT, "limit of executions that wait in one context; the next one is refused", parse=count
    )
    queue_bytes: int = setting(
        128 * MIB,
        "memory for waiting and running code of one context; beyond it an execution is refused",
        parse=byte_size,
    )
    queues_total_bytes: int = setting(
        256 * MIB,
        "memory for waiting and running code of all contexts; beyond it an execution is refused",
        parse=byte_size,
        former=("queues_bytes",),
    )
    backlog_limit_bytes: int = setting(
        256 << 10,
        "memory for unread output of an execution; beyond it the program waits for its client",
        parse=byte_size,
    )
    journal_bytes: int = setting(
        MIB, "size of the events kept of an execution, for replay; the oldest are dropped first", parse=byte_size
    )
    journals_total_bytes: int = setting(
        64 * MIB,
        "size of the events kept of all executions together; the oldest ended execution is dropped first",
        parse=byte_size,
        former=("journals_bytes",),
    )
    max_execution_s: float | None = setting(
        None,
        "seconds that an execution may take, also one whose client wants no timeout (default: no limit)",
        parse=_some_time,
    )
    idle_timeout: float | None = setting(
        None,
        "seconds after which a context ends in which nothing runs, waits or is followed (default: never)",
        parse=_some_time,
    )
    max_lifetime: float | None = setting(
        None, "seconds after which a context ends, whatever it does (default: never)", parse=_some_time
    )
    call_grace_s: float = setting(
        30.0,
        "seconds for which the call of a host function waits for a client when the one that could answer it has gone",
        parse=duration,
    )
    stats_interval_s: float = setting(
        10.0,
        "seconds between two looks at the processor time and memory of all contexts, for their stats; 0 for none",
        parse=_interval,
    )
    grace_s: float = setting(2.0, "seconds between an interrupt and the kill that follows it", parse=duration)

    def __attrs_post_init__(self) -> None:
        if not self.cwd:
            object.__setattr__(self, "cwd", absolute("."))
