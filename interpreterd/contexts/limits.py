"""The daemon's limits for every context, before a context's own limits tighten them; the check of a request by both."""

import os
from collections.abc import Mapping
from typing import Final

from interpreterd.contexts.executions import Executions
from interpreterd.contexts.settings import QUEUE_LIMIT, ContextSettings
from interpreterd.contexts.turns import NO_SHARES, FairTurns, TenantShares
from interpreterd.model.comms import COMM_LIMIT_BYTES, CONTENT_LIMIT_BYTES
from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.limits import Limits
from interpreterd.model.requests import Execute
from interpreterd.model.rules import NO_QUOTAS, Quotas
from interpreterd.pipe.messages import Configure
from interpreterd.workers.isolation.jails import Place

# The output that an interrupted program may still write although its client does not read: its own buffers and its
# pipes, 128 KiB each. Every byte may be a character, and all characters take four bytes if one of them does. The
# smallest bundles of output data, of half a KiB, take twice as much.
LAST_WORDS_BYTES = 1408 << 10
STARTS_PER_PROCESSOR: Final = 2
"""More workers that start at the same time would only take the processor from each other."""


# Of a worker, which do not count: two threads, the process that it was before it moved into a pid namespace, and the
# first process there.
_OWN_TASKS: Final = 4


def limits_of(settings: ContextSettings) -> Limits:
    """Return the limits in ``settings``."""
    return Limits(
        memory_bytes=settings.context_memory,
        cpu_s=settings.context_cpu_s,
        output_bytes=settings.context_output_bytes,
        processes=settings.context_processes,
        open_files=settings.context_open_files,
        disk_bytes=settings.context_disk,
        queued=settings.queue_limit,
        code_bytes=settings.code_limit_bytes,
        execution_s=settings.max_execution_s,
        idle_s=settings.idle_timeout,
        lifetime_s=settings.max_lifetime,
        queue_is_usual=settings.queue_limit == QUEUE_LIMIT,
    )


def check_lengths(request: Execute, limits: Limits, *, grace_s: float) -> None:
    """Raise ``InvalidRequest`` if the code, the message or the grace of ``request`` is too long."""
    if request.comm is None:
        limits.check_code(request.code, request.digest)
    elif len(request.code) > CONTENT_LIMIT_BYTES:
        raise InvalidRequest(f"a message for a comm must be at most {COMM_LIMIT_BYTES} bytes long")
    if request.grace_s is not None and request.grace_s > grace_s:
        raise InvalidRequest(f"graceS must be at most {grace_s:g}, the daemon's limit")


def configured(cwd: str, limits: Limits, envs: Mapping[str, str] = NO_ENVS, place: Place | None = None) -> Configure:
    """Return the configuration of a context's workers: those of ``limits`` that the kernel enforces are in it.

    The kernel counts the processes of a user, so it can limit those of a context only if that has a user of its own.
    """
    has_own_user = place is not None and place.has_own_user
    return Configure(
        cwd=cwd,
        envs=envs,
        data_bytes=limits.data_bytes,
        file_bytes=limits.disk_bytes,
        open_files=limits.open_files,
        processes=limits.processes + _OWN_TASKS if limits.processes is not None and has_own_user else None,
        confine=None if place is None else place.confinement,
    )


def quotas_of(settings: ContextSettings) -> Quotas:
    """Return what all contexts together may use; their number has a limit of its own."""
    quotas = Quotas(
        running=settings.max_running,
        queued=settings.max_queued,
        creations_per_s=settings.max_creations_per_s,
        cpu_s_per_day=settings.max_cpu_s_per_day,
        memory_bytes=settings.max_memory,
    )
    return NO_QUOTAS if quotas == NO_QUOTAS else quotas


def shares_of(settings: ContextSettings, *, always: bool = False) -> TenantShares:
    """Return what executions and starts of workers take turns for; ``always`` if there are tenants."""
    if settings.max_running is None and not always:
        return NO_SHARES
    running = FairTurns(settings.max_running, lambda account: account.rules.quotas.running)
    starting = FairTurns(STARTS_PER_PROCESSOR * len(os.sched_getaffinity(0)))
    return TenantShares(running=running, starting=starting)


def register_of(settings: ContextSettings) -> Executions:
    """Return an empty register of executions that keeps as much as ``settings`` say."""
    return Executions(
        limit_bytes=settings.journals_total_bytes,
        journal_limit_bytes=settings.journal_bytes,
        held_limit_bytes=settings.queues_total_bytes,
    )
