"""What a context checks of a request for an execution, and changes in it, before the execution is queued."""

import attrs

from interpreterd.contexts.limits import check_lengths
from interpreterd.model.limits import Limits
from interpreterd.model.requests import Execute


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
