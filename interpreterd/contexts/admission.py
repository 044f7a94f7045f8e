"""What is checked of requests, and changed in them, before a context or an execution is made."""

from collections.abc import Sequence

import attrs

from interpreterd.contexts.limits import check_lengths
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext, Execute


def admitted(request: Execute, limits: Limits, *, grace_s: float, answers: bool) -> Execute:
    """Return ``request`` as the context runs it: its client is asked for input only if it ``answers``.

    Raises:
        InvalidRequest: The code, or the grace, is longer than ``limits`` or ``grace_s`` allow.
    """
    if request.stdin and not answers:
        request = attrs.evolve(request, stdin=False)
    check_lengths(request, limits, grace_s=grace_s)
    if (timeout_s := limits.timeout_s(request.timeout_s)) != request.timeout_s:
        request = attrs.evolve(request, timeout_s=timeout_s)
    return request


def check_preload(request: CreateContext, configured: Sequence[str]) -> None:
    """Raise ``InvalidRequest`` if ``request`` wants other modules than those that templates have."""
    if request.preload is not None and request.preload != set(configured):
        modules = ", ".join(configured) or "none"
        raise InvalidRequest(f"preload must name the modules of a configured template: {modules}")
