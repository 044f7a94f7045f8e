"""All metrics of a daemon: names, help and values, whatever reads them; Prometheus' conventions for names and units."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from attrs import frozen

from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import Counts
from interpreterd.monitoring.histogram import Histogram

METRIC_PREFIX: Final = "interpreterd_"
_STARTED: Final = time.time()  # of this process, to a part of a second
MetricSample = tuple[Mapping[str, str], float]
_PLAIN: Final[Mapping[str, str]] = {}


@frozen(eq=False, repr=False)
class Family:
    """One metric, with a sample for each combination of its labels' values.

    Attributes:
        name: Without the suffix ``_total`` of a counter.
        histogram: The values of a histogram, which has no labels and no ``samples``.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: tuple[MetricSample, ...] = ()
    histogram: Histogram | None = None
    unit: str = ""


def families(
    counts: Counts, readings: Readings, *, by_tenant: bool = False, loop_lag: Histogram, version: str
) -> list[Family]:
    """Return every metric. Only with ``by_tenant`` are there labels with the names of tenants."""
    return [
        *_counters(counts, by_tenant=by_tenant),
        *_histograms(counts, loop_lag),
        *_gauges(readings, by_tenant=by_tenant),
        _gauge("build_info", "The version of the daemon; always 1", [({"version": version}, 1)]),
        _gauge("start_time_seconds", "When the daemon started, in seconds since the epoch", _STARTED, unit="seconds"),
    ]


def _counters(counts: Counts, *, by_tenant: bool) -> Iterator[Family]:
    usual = () if by_tenant else ("completed", "interrupted", "lost", "cancelled")
    executions: dict[tuple[str, ...], float] = {("", outcome): 0 for outcome in usual}
    executions.update(counts.executions.items())
    yield _counter(
        "executions", "Ended executions of clients, by outcome", _by_tenant(executions, ("outcome",), by_tenant)
    )
    yield _counter(
        "executions_raised",
        "Ended executions that had an exception or an error, whatever their outcome",
        _by_tenant({(tenant, ""): number for tenant, number in counts.raised.items()} or {("", ""): 0}, (), by_tenant),
    )
    yield _counter(
        "output_bytes",
        "Output of executions as UTF-8, by stream",
        [({"stream": stream}, number) for stream, number in counts.output_bytes.items()],
        unit="bytes",
    )
    yield _counter("code_bytes", "Code of accepted executions as UTF-8", counts.code_bytes, unit="bytes")
    yield _counter("context_creations", "Contexts that were made", counts.contexts_created)
    yield _counter("context_deletions", "Contexts that were ended", counts.contexts_deleted)
    yield _counter("workers_started", "Workers that contexts have got", counts.workers_started)
    yield _counter("worker_start_failures", "Workers that could not be started", counts.worker_start_failures)
    yield _counter(
        "worker_deaths", "Workers of contexts that have ended, by reason", _by("reason", counts.worker_deaths)
    )
    yield _counter("forks", "Contexts that were forked from others", counts.forks)
    yield _counter("checkpoints_taken", "Checkpoints that were taken, automatic ones too", counts.checkpoints_taken)
    yield _counter("restores", "How often a context went back to a checkpoint, undos not counted", counts.restores)
    yield _counter("undos", "How often a context went back before its last execution", counts.undos)
    yield _counter("archives_written", "Archives that contexts were written to", counts.archives_written)
    yield _counter("archives_loaded", "How often a context was made from an archive", counts.archives_loaded)
    yield _counter("hibernations", "Contexts that were archived so that their worker could end", counts.hibernations)
    yield _counter("wakes", "Hibernating contexts that have got a worker again", counts.wakes)
    yield _counter("pool_hits", "Workers that a pool had ready", counts.pool_hits)
    yield _counter("pool_misses", "Workers that had to be started for a context", counts.pool_misses)
    yield _counter("refusals", "Refused requests and messages, by the error's code", _by("reason", counts.refusals))
    yield _counter(
        "http_requests",
        "Answered HTTP requests, by method and status; a WebSocket is one, with status 101",
        [({"method": method, "status": str(status)}, n) for (method, status), n in sorted(counts.requests.items())],
    )
    yield _counter("follower_gaps", "How often a reader of events fell behind what is kept", counts.gaps)
    yield _counter("follower_missed_events", "Events that such readers have missed", counts.missed_events)
    yield _counter("audit_lines", "Lines written to the audit log", counts.audit_lines)
    yield _counter("audit_lost_lines", "Lines that the audit log has lost", counts.audit_lost)


def _histograms(counts: Counts, loop_lag: Histogram) -> Iterator[Family]:
    for name, help, histogram in (
        ("execution_seconds", "From the beginning of an execution to its end", counts.execution),
        ("queue_seconds", "From the request of an execution to its beginning", counts.queue),
        ("first_output_seconds", "From the beginning of an execution to its first output", counts.first_output),
        ("context_creation_seconds", "From the request of a context to its readiness", counts.creation),
        ("worker_start_seconds", "From the wish for a worker to its readiness", counts.worker_start),
        ("fork_seconds", "From the beginning of a fork to the readiness of its contexts", counts.fork),
        ("checkpoint_seconds", "How long a checkpoint kept its context from executing", counts.checkpoint),
        ("restore_seconds", "How long the way back to a checkpoint took, undos counted", counts.restore),
        ("archive_seconds", "How long it took to write an archive", counts.archive),
        ("load_seconds", "How long it took to load an archive into a worker", counts.load),
        ("event_loop_lag_seconds", "How late the daemon's event loop is; from the first scrape on", loop_lag),
    ):
        yield Family(METRIC_PREFIX + name, "histogram", help, histogram=histogram, unit="seconds")


def _gauges(readings: Readings, *, by_tenant: bool) -> Iterator[Family]:
    contexts: dict[tuple[str, ...], float] = {}
    for (state, profile, tenant), number in readings.contexts.items():
        key = (tenant if by_tenant else "", state, profile)
        contexts[key] = contexts.get(key, 0) + number
    yield _gauge(
        "contexts",
        "Contexts, by state and isolation profile",
        _by_tenant(contexts, ("state", "profile"), by_tenant),
    )
    yield _gauge("executions_running", "Executions that run", readings.running)
    yield _gauge("executions_queued", "Executions that wait", readings.queued)
    yield _gauge("followers", "Readers of the events of running executions and of contexts", readings.followers)
    yield _gauge("followers_behind", "Those readers that have events to read", readings.followers_behind)
    yield _gauge("journal_bytes", "Memory of the events that are kept", readings.journal_bytes, unit="bytes")
    yield _gauge("checkpoints", "Checkpoints that are kept", readings.checkpoints)
    yield _gauge("checkpoint_memory_bytes", "Memory that only checkpoints use", readings.checkpoint_bytes, unit="bytes")
    yield _gauge("archives", "Archives that are kept", readings.archives)
    yield _gauge("archive_bytes", "What they take on the disk", readings.archive_bytes, unit="bytes")
    yield _gauge("pool_workers", "Started workers that wait for a context", readings.workers_waiting)
    yield _counter(
        "contexts_cpu_seconds",
        "Processor time of all processes of contexts, as far as the sampler has seen them",
        readings.cpu_s,
        unit="seconds",
    )
    if readings.resident_bytes is not None and readings.processes is not None:
        help = "Resident memory of all processes of contexts, at the sampler's latest look"
        yield _gauge("contexts_resident_bytes", help, readings.resident_bytes, unit="bytes")
        yield _gauge("contexts_processes", "Processes of contexts, at the sampler's latest look", readings.processes)


def _by(label: str, table: Mapping[str, int]) -> list[MetricSample]:
    return [({label: key}, number) for key, number in sorted(table.items())]


def _by_tenant(table: Mapping[tuple[str, ...], float], labels: tuple[str, ...], by_tenant: bool) -> list[MetricSample]:
    """Return the samples of a ``table`` whose keys begin with the tenant; they are added up, unless ``by_tenant``."""
    added: dict[tuple[tuple[str, str], ...], float] = {}
    for (tenant, *values), number in table.items():
        named = (*((("tenant", tenant),) if by_tenant else ()), *zip(labels, values, strict=False))
        added[named] = added.get(named, 0) + number
    return [(dict(named), number) for named, number in sorted(added.items())]


def _counter(name: str, help: str, value: float | Iterable[MetricSample], *, unit: str = "") -> Family:
    return Family(METRIC_PREFIX + name, "counter", help, _samples(value), unit=unit)


def _gauge(name: str, help: str, value: float | Iterable[MetricSample], *, unit: str = "") -> Family:
    return Family(METRIC_PREFIX + name, "gauge", help, _samples(value), unit=unit)


def _samples(value: float | Iterable[MetricSample]) -> tuple[MetricSample, ...]:
    return ((_PLAIN, value),) if isinstance(value, int | float) else tuple(value)
