"""The daemon's limits for every context, before a context's own limits tighten them."""

from interpreterd.contexts.settings import QUEUE_LIMIT, ContextSettings
from interpreterd.model.limits import Limits


def limits_of(settings: ContextSettings) -> Limits:
    """Return the limits in ``settings``."""
    return Limits(
        memory_bytes=settings.context_memory,
        cpu_s=settings.context_cpu_s,
        output_bytes=settings.context_output_bytes,
        processes=settings.context_processes,
        queued=settings.queue_limit,
        code_bytes=settings.code_limit_bytes,
        queue_is_usual=settings.queue_limit == QUEUE_LIMIT,
    )
