"""What contexts and the daemon use and have done, in numbers, for those who operate the daemon.

The daemon imports these classes at its start: they have neither ``==`` nor a ``repr``, which attrs would compile.
"""

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True, eq=False, repr=False)
class ProcessStats:
    """The worker of a context and all processes below it, at one moment.

    Attributes:
        cpu_percent: The share of one processor since the look before, or since the worker's start.
        resident_bytes: RSS: memory that is shared with other processes counts in each of them.
        proportional_bytes: PSS: memory that n processes share counts as an n-th in each.
        unique_bytes: USS: memory that no other process has.
        is_exact: False if there was no time, or no right, to measure each process.
        descriptors: Open files, sockets and pipes.
    """

    cpu_percent: float
    resident_bytes: int
    proportional_bytes: int
    unique_bytes: int
    is_exact: bool
    threads: int
    processes: int
    descriptors: int


@frozen(kw_only=True, eq=False, repr=False)
class ContextStats:
    """One context, over all of its workers. Times are in seconds.

    Attributes:
        at: When that was, since the epoch.
        cpu_s: Processor time of all its processes so far, as far as it was seen: what a worker has used after the last
            look before its end is missing, and so is that of a child that was never waited for.
        disk_bytes: What its working directory and those of its own hold; None if counting that takes too long.
        processes: None without a worker, or if it could not be measured.
        executions: How many have ended, by outcome; without looks and those that clients cannot list.
        raised: How many of them had an exception or an error.
        running: How many run now: one or none. ``queued`` wait.
        running_s: The time in which executions ran, the running one included. Likewise ``queued_s``: they waited.
        output_bytes: UTF-8 of all output, and of output data.
        restarts: How often it has got a new worker, by the reason for which the one before had ended.
        checkpoints, checkpoint_bytes: How many it keeps, and the memory that only they use, as measured last.
    """

    context_id: str
    state: str
    at: float
    created_at: float
    cpu_s: float
    processes: ProcessStats | None
    disk_bytes: int | None = None
    executions: Mapping[str, int]
    raised: int
    running: int
    queued: int
    running_s: float
    queued_s: float
    output_bytes: int
    restarts: Mapping[str, int]
    checkpoints: int = 0
    checkpoint_bytes: int = 0


@frozen(kw_only=True, eq=False, repr=False)
class DaemonStats:
    """The daemon's own process. Times are in seconds.

    Attributes:
        started_at: Since the epoch.
        descriptors: Open ones, and how many are allowed.
    """

    pid: int
    started_at: float
    cpu_s: float
    resident_bytes: int
    threads: int
    descriptors: int
    descriptor_limit: int


@frozen(kw_only=True, eq=False, repr=False)
class AllStats:
    """All contexts that a client may see, oldest first.

    Attributes:
        daemon: None for a client that may not know.
    """

    at: float
    contexts: list[ContextStats]
    daemon: DaemonStats | None


@frozen(kw_only=True, eq=False, repr=False)
class Readings:
    """The state of a daemon at one moment.

    Attributes:
        contexts: How many there are, by state, isolation profile and tenant.
        running, queued: Executions.
        followers: Readers of running executions and of contexts.
        followers_behind: Those of them that have events to read.
        journal_bytes: The memory of all events that are kept.
        workers_waiting: In the pools.
        checkpoints, checkpoint_bytes: How many are kept, and the memory that only they use.
        archives, archive_bytes: How many are kept, and what they take on the disk.
        cpu_s: Processor time of all contexts' processes so far, as far as the sampler has seen them.
        resident_bytes, processes: Of all contexts at the latest look of the sampler; None before the first.
    """

    contexts: Mapping[tuple[str, str, str], int] = {}
    running: int = 0
    queued: int = 0
    followers: int = 0
    followers_behind: int = 0
    journal_bytes: int = 0
    workers_waiting: int = 0
    checkpoints: int = 0
    checkpoint_bytes: int = 0
    archives: int = 0
    archive_bytes: int = 0
    cpu_s: float = 0.0
    resident_bytes: int | None = None
    processes: int | None = None
