"""The tracer of this process: none, unless OpenTelemetry is configured, see ``tracing``."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

import attrs
from attrs import define

from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.requests import Execute

PARENT_VARIABLE: Final = "TRACEPARENT"
STATE_VARIABLE: Final = "TRACESTATE"


class RequestSpan(Protocol):
    """The span of a request."""

    def answered(self, route: str, status: int) -> None:
        """It has been answered: ``route`` is a pattern without ids."""


class Tracer(Protocol):
    """Makes the spans of requests; those of executions come from what it is told as a sink."""

    def request(self, method: str, path: str, caller: ClientRequest) -> AbstractContextManager[RequestSpan]:
        """Return a block that serves a request; within it, ``CALLER`` has the span."""
        ...


@define
class _Tracers:
    now: Tracer | None = None


TRACERS: Final = _Tracers()


def with_trace(request: Execute) -> Execute:
    """Return ``request`` with the trace of this task's request in its variables, unless it has one of its own.

    The variables are then a dict of the daemon's own: a tracer puts the span of the execution into it.
    """
    caller = CALLER.get()
    if caller is None or not (caller.traceparent or caller.span is not None) or PARENT_VARIABLE in request.envs:
        return request
    trace: Mapping[str, str] = {PARENT_VARIABLE: caller.traceparent}
    if caller.tracestate:
        trace = {**trace, STATE_VARIABLE: caller.tracestate}
    return attrs.evolve(request, envs={**request.envs, **trace})
