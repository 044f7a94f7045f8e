"""Spans of OpenTelemetry: for a request, and below it for a worker's start, a wait in the queue, an execution.

It needs the extra ``interpreterd[otel]``, and is imported only if OpenTelemetry is configured: see ``otel``.
"""

import builtins
import contextlib
from collections.abc import Iterator
from typing import Any, Final

import attrs
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from interpreterd import __version__
from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.happenings import Happening, NotedExecution
from interpreterd.model.requests import Execute
from interpreterd.monitoring.tracers import PARENT_VARIABLE, RequestSpan

INTERNAL_ERRORS: Final = 500
OTHER_ERROR: Final = "_OTHER"  # of semantic conventions, for names that anyone may make up
_KNOWN: Final = {"TimeoutError", "WorkerDied", "LimitExceeded", "ContextError"} | {
    name for name, it in vars(builtins).items() if isinstance(it, type) and issubclass(it, BaseException)
}
_NS: Final = 1_000_000_000
_propagator: Final = TraceContextTextMapPropagator()


@attrs.define
class _Open:
    """The spans of an execution that has not ended, and its variables, which name its own span while it runs."""

    parent: Context
    queue: Span
    envs: dict[str, str] | None
    execution: Span | None = None


class OtelTracer:
    """See ``tracers.Tracer`` and ``happenings.Sink``."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        """Make spans of ``provider``, which stays the caller's."""
        self._tracer = provider.get_tracer("interpreterd", __version__)
        self._open: dict[str, _Open] = {}  # as many as executions wait or run

    @contextlib.contextmanager
    def request(self, method: str, path: str, caller: ClientRequest) -> Iterator[RequestSpan]:
        parent = _propagator.extract({"traceparent": caller.traceparent, "tracestate": caller.tracestate}, Context())
        about = {"http.request.method": method, "url.path": path, "interpreterd.request.id": caller.request_id}
        if caller.address:
            about["client.address"] = caller.address
        span = self._tracer.start_span(method, parent, SpanKind.SERVER, about)
        token = CALLER.set(attrs.evolve(caller, span=span))
        try:
            yield _Answered(span, method)
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            CALLER.reset(token)
            span.end()

    def submitted(self, run: NotedExecution, request: Execute) -> None:
        parent = _context_of(run.caller)
        queue = self._tracer.start_span("queue", parent, start_time=_ns(run.created_at), attributes=_about(run))
        is_ours = run.caller is not None and request.envs.get(PARENT_VARIABLE) == run.caller.traceparent
        envs = request.envs if is_ours and isinstance(request.envs, dict) else None
        self._open[run.id] = _Open(parent, queue, envs)

    def begun(self, run: NotedExecution) -> None:
        its = self._open.get(run.id)
        if its is None or run.started_at is None:
            return
        at = _ns(run.started_at)
        its.queue.end(at)
        its.execution = self._tracer.start_span("execute", its.parent, start_time=at, attributes=_about(run))
        if its.envs is not None:  # they are sent to the worker after this
            carrier: dict[str, str] = {}
            _propagator.inject(carrier, trace.set_span_in_context(its.execution, Context()))
            its.envs[PARENT_VARIABLE] = carrier.get("traceparent", its.envs[PARENT_VARIABLE])

    def ended(self, run: NotedExecution) -> None:
        its = self._open.pop(run.id, None)
        if its is None:
            return
        span, at = its.execution or its.queue, _ns(run.finished_at or run.created_at)
        span.set_attribute("interpreterd.execution.outcome", run.state)
        span.set_attribute("interpreterd.execution.output_bytes", run.output_bytes)
        if run.error is not None:
            span.set_attribute("error.type", run.error.name if run.error.name in _KNOWN else OTHER_ERROR)
            span.set_status(Status(StatusCode.ERROR))
        span.end(at)

    def happened(self, happening: Happening) -> None:
        if happening.name != "worker.started":
            return
        seconds = float(happening.fields.get("seconds", 0))
        about: dict[str, Any] = {"interpreterd.context.id": happening.context_id}
        if isinstance(pid := happening.fields.get("pid"), int):
            about["process.pid"] = pid
        parent, begun = _context_of(CALLER.get()), _ns(happening.at - seconds)
        self._tracer.start_span("start", parent, start_time=begun, attributes=about).end(_ns(happening.at))


class _Answered:
    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method

    def answered(self, route: str, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if route:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)
        if status >= INTERNAL_ERRORS:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(Status(StatusCode.ERROR))


def _context_of(caller: ClientRequest | None) -> Context:
    return Context() if caller is None or caller.span is None else trace.set_span_in_context(caller.span, Context())


def _about(run: NotedExecution) -> dict[str, str]:
    tenant = {"interpreterd.tenant": run.tenant} if run.tenant else {}
    return {"interpreterd.context.id": run.context_id, "interpreterd.execution.id": run.id, **tenant}


def _ns(at: float) -> int:
    return int(at * _NS)
