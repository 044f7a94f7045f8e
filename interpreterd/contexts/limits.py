"""The daemon's limits for every context, before a context's own limits tighten them."""

from collections.abc import Mapping

from interpreterd.contexts.settings import QUEUE_LIMIT, ContextSettings
from interpreterd.model.environment import NO_ENVS
from interpreterd.model.limits import Limits
from interpreterd.pipe.messages import Configure


def limits_of(settings: ContextSettings) -> Limits:
    """Return the limits in ``settings``."""
    return Limits(
        memory_bytes=settings.context_memory,
        cpu_s=settings.context_cpu_s,
        output_bytes=settings.context_output_bytes,
        processes=settings.context_processes,
        open_files=settings.context_open_files,
        queued=settings.queue_limit,
        code_bytes=settings.code_limit_bytes,
        queue_is_usual=settings.queue_limit == QUEUE_LIMIT,
    )


def configured(cwd: str, limits: Limits, envs: Mapping[str, str] = NO_ENVS) -> Configure:
    """Return the configuration of a context's workers: those of ``limits`` that the kernel enforces are in it."""
    return Configure(cwd=cwd, envs=envs, data_bytes=limits.data_bytes, open_files=limits.open_files)
