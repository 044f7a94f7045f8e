"""What the daemon counts: plain numbers, so that counting costs next to nothing, whether they are read or not.

``exposition`` shows them to Prometheus, ``otel_metrics`` to a collector of OpenTelemetry.
"""

from collections import defaultdict
from typing import Final, Protocol

from interpreterd.model.errors import InterpreterError
from interpreterd.monitoring.histogram import Histogram


class WorkerPool(Protocol):
    """A pool of started workers."""

    @property
    def waiting(self) -> int:
        """How many of them wait."""
        ...


class Counts:
    """All numbers that only grow. The keys of a table are few, whatever clients and code do.

    Attributes:
        executions: Ended executions, by tenant and outcome; those that the daemon runs for itself do not count.
        raised: Those of them that ended with an exception or an error.
        execution: Histogram of the seconds from an execution's beginning to its end. The other histograms: the seconds
            in which it waited, until its first output, and from the request for a context to its readiness.
        output_bytes: UTF-8 of executions' output, by stream; ``display`` for output data.
        code_bytes: Of accepted executions.
        contexts_created, contexts_deleted: Also unlisted ones.
        workers_started: And ``worker_start``, the seconds that each took.
        worker_deaths: By reason, see ``contexts.tally``.
        forks: Contexts that were forked from others; and ``fork``, the seconds that each request for some took.
        checkpoints_taken: And ``checkpoint``, the seconds of each, in which its context executes nothing.
        restores, undos: Ways back to a checkpoint; and ``restore``, the seconds that each took.
        archives_written, archives_loaded: And ``archive`` and ``load``, the seconds that each took.
        hibernations, wakes: Contexts that were archived to end their worker, and that have got one again.
        pool_hits, pool_misses: Workers that were taken from a pool, and those that had to be started.
        pools: Those that are open.
        refusals: Refused requests and messages, by the error's code.
        requests: Answered requests, by method and status.
        gaps, missed_events: How often a follower fell behind its journal, and how many events it missed.
        audit_lines, audit_lost: Lines of the audit log that were written, and that could not be.
    """

    def __init__(self) -> None:
        self.executions: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.raised: defaultdict[str, int] = defaultdict(int)
        self.execution = Histogram()
        self.queue = Histogram()
        self.first_output = Histogram()
        self.creation = Histogram()
        self.worker_start = Histogram()
        self.output_bytes: dict[str, int] = {"stdout": 0, "stderr": 0, "display": 0}
        self.code_bytes = 0
        self.contexts_created = 0
        self.contexts_deleted = 0
        self.workers_started = 0
        self.worker_start_failures = 0
        self.worker_deaths: defaultdict[str, int] = defaultdict(int)
        self.forks = 0
        self.checkpoints_taken = 0
        self.restores = 0
        self.undos = 0
        self.archives_written = 0
        self.archives_loaded = 0
        self.hibernations = 0
        self.wakes = 0
        self.fork = Histogram()
        self.checkpoint = Histogram()
        self.restore = Histogram()
        self.archive = Histogram()
        self.load = Histogram()
        self.pool_hits = 0
        self.pool_misses = 0
        self.pools: set[WorkerPool] = set()
        self.refusals: defaultdict[str, int] = defaultdict(int)
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.gaps = 0
        self.missed_events = 0
        self.audit_lines = 0
        self.audit_lost = 0


COUNTS: Final = Counts()
"""Those of this process."""


def count_gap(events: int) -> None:
    """Count a follower that has missed so many events."""
    COUNTS.gaps += 1
    COUNTS.missed_events += events


def count_pool(*, hit: bool) -> None:
    """Count a wish for a worker, which a pool had ready or not."""
    if hit:
        COUNTS.pool_hits += 1
    else:
        COUNTS.pool_misses += 1


def count_refusal(error: InterpreterError) -> bool:
    """Count ``error``, which a client is told; return False if that was done before: it may pass several places."""
    if "is_counted" in error.__dict__:
        return False
    error.__dict__["is_counted"] = True
    COUNTS.refusals[error.code] += 1
    return True
