"""What the daemon's contexts show at one moment: stats of each, readings for metrics."""

import os
import resource
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import Executions
from interpreterd.contexts.sampler import Sampler
from interpreterd.model.accounts import Accounts
from interpreterd.model.stats import ContextStats, DaemonStats, ProcessStats, Readings
from interpreterd.monitoring.counts import COUNTS
from interpreterd.processes import proc_stat

_STARTED_AT: Final = time.time()
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def stats_of(
    context: Context, sampler: Sampler, processes: ProcessStats | None, disks: Mapping[str, int]
) -> ContextStats:
    """Return the stats of ``context``; ``processes`` are those of its worker, ``disks`` what directories hold."""
    info, transcript, now = context.info(), context.transcript, time.time()
    kept = context.checkpoints
    tally, running = transcript.tally, transcript.running
    is_running = running is not None and running.kept and not running.hidden
    running_s, queued_s = tally.running_s, tally.queued_s
    for it in transcript.unfinished():
        if it.started_at is not None:
            running_s += max(0.0, now - it.started_at)
        else:
            queued_s += max(0.0, now - it.created_at)
    return ContextStats(
        context_id=context.id,
        state=info.state,
        at=now,
        created_at=info.created_at,
        cpu_s=sampler.cpu_of(context.id),
        disk_bytes=_disk_bytes(transcript.tally.directories, disks),
        processes=processes,
        executions=dict(tally.outcomes),
        raised=tally.raised,
        running=int(is_running),
        queued=info.queued,
        running_s=running_s,
        queued_s=queued_s,
        output_bytes=tally.output_bytes,
        restarts=dict(tally.restarts),
        checkpoints=0 if kept is None else len(kept.pids),
        checkpoint_bytes=0 if kept is None else kept.kept_bytes,
    )


def _disk_bytes(directories: tuple[str, ...], disks: Mapping[str, int]) -> int | None:
    return sum(disks[it] for it in directories) if all(it in disks for it in directories) else None


def daemon_stats() -> DaemonStats:
    """Return the stats of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    fields = proc_stat.stat(os.getpid()) or []
    return DaemonStats(
        pid=os.getpid(),
        started_at=_STARTED_AT,
        cpu_s=usage.ru_utime + usage.ru_stime,
        resident_bytes=int(fields[proc_stat.RESIDENT]) * _PAGE_BYTES if fields else usage.ru_maxrss << 10,
        threads=int(fields[proc_stat.THREAD_COUNT]) if fields else 0,
        descriptors=_descriptors(),
        descriptor_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )


def take_readings(
    contexts: Iterable[Context], executions: Executions, sampler: Sampler, accounts: Accounts
) -> Readings:
    """Return the readings of ``contexts``, all that clients may list, and of what ``accounts`` count."""
    states: Counter[tuple[str, str, str]] = Counter()
    running = queued = followers = behind = 0
    for context in contexts:
        info = context.info()
        states[info.state, info.isolation.isolation.profile, context.account.tenant] += 1
        for it in context.transcript.unfinished():
            running += it.started_at is not None
            queued += it.started_at is None
        for journal in context.transcript.journals():
            followers += journal.followers
            behind += journal.followers_behind
    return Readings(
        contexts=states,
        running=running,
        queued=queued,
        followers=followers,
        followers_behind=behind,
        journal_bytes=executions.bytes,
        workers_waiting=sum(pool.waiting for pool in COUNTS.pools),
        checkpoints=accounts.sum_of("checkpoints"),
        checkpoint_bytes=accounts.sum_of("checkpoint_bytes"),
        archives=accounts.sum_of("archives"),
        archive_bytes=accounts.sum_of("archive_bytes"),
        cpu_s=sampler.cpu_s,
        resident_bytes=sampler.resident_bytes,
        processes=sampler.processes,
    )


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
