"""Spans, as an exporter in memory gets them."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fake_worker import FakeLauncher
from managers import open_manager
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from interpreterd.contexts.local import LocalContexts
from interpreterd.http.keys import SETTINGS
from interpreterd.http.request_ids import Handler, begin, traced
from interpreterd.http.settings import HttpSettings
from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.events import Failure
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.tracers import TRACERS
from interpreterd.monitoring.tracing import OtelTracer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Spans:
    """The spans that have ended, by name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = OtelTracer(provider)
        monkeypatch.setattr(TRACERS, "now", self.tracer)
        monkeypatch.setattr(HAPPENINGS, "sinks", (self.tracer,))

    def named(self, name: str) -> ReadableSpan:
        (span,) = [it for it in self.exporter.get_finished_spans() if it.name == name]
        return span


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    return Spans(monkeypatch)


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


async def test_a_request_has_a_span_below_that_of_its_client(spans: Spans) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503)

    @web.middleware
    async def name(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin(request)
        return await traced(spans.tracer, request, handler)

    app = web.Application(middlewares=[name])
    app[SETTINGS] = HttpSettings()
    app.router.add_get("/things/{id}", answer)
    async with TestClient(TestServer(app)) as client:
        await client.get("/things/7", headers={"traceparent": PARENT, "tracestate": "rojo=1", "X-Request-Id": "r1"})
    span = spans.named("GET /things/{id}")
    assert span.kind is SpanKind.SERVER
    assert about(span) == {
        "http.request.method": "GET",
        "http.route": "/things/{id}",
        "http.response.status_code": 503,
        "url.path": "/things/7",
        "client.address": "127.0.0.1",
        "interpreterd.request.id": "r1",
        "error.type": "503",
    }
    assert span.status.status_code is StatusCode.ERROR
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == PARENT[3:35]
    assert parent_of(span) == int(PARENT[36:52], 16)
    assert span.context.trace_state.get("rojo") == "1"


async def test_an_execution_has_spans_for_its_start_its_wait_and_itself(spans: Spans, tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        service = LocalContexts(manager)
        with spans.tracer.request("POST", "/execute", ClientRequest("r1", PARENT)):
            context = (await service.create(CreateContext())).id
            first = await service.submit_unattended(Execute(code="1", context_id=context))
            second = await service.submit_unattended(Execute(code="2", context_id=context))
        worker = await launcher.worker()
        run = await worker.run()
        traceparent = run.request.envs["TRACEPARENT"]
        worker.done(run, error=Failure(name="Mine", value="secret"))
        worker.done(await worker.run())
        follower = await service.follow_execution(second.id)
        assert [event async for _, event in follower][-1].is_last  # type: ignore[union-attr]
    request = spans.named("POST")
    assert request.context is not None
    start = spans.named("start")
    executions = [it for it in spans.exporter.get_finished_spans() if it.name == "execute"]
    queues = [it for it in spans.exporter.get_finished_spans() if it.name == "queue"]
    assert {parent_of(it) for it in (start, *executions, *queues)} == {request.context.span_id}
    assert about(start)["interpreterd.context.id"] == context
    assert [about(it)["interpreterd.execution.id"] for it in executions] == [first.id, second.id]
    mine = executions[0]
    assert mine.context is not None
    assert traceparent == f"00-{mine.context.trace_id:032x}-{mine.context.span_id:016x}-01", "code's spans are below it"
    assert about(mine)["interpreterd.execution.outcome"] == "completed"
    assert about(mine)["error.type"] == "_OTHER", "no name that code has made up"
    assert "secret" not in str(about(mine))
    assert "error.type" not in about(executions[1])
    assert queues[0].end_time == mine.start_time


async def test_an_execution_that_never_runs_has_no_span_but_that_of_its_wait(spans: Spans, tmp_path: Path) -> None:
    async with open_manager(FakeLauncher(), tmp_path) as manager:
        service = LocalContexts(manager)
        context = (await service.create(CreateContext())).id
        await service.submit_unattended(Execute(code="1", context_id=context))
        waiting = await service.submit_unattended(Execute(code="2", context_id=context))
        await service.interrupt(context, waiting.id)
        span = spans.named("queue") if len(spans.exporter.get_finished_spans()) == 2 else None
        ended = [
            it for it in spans.exporter.get_finished_spans() if about(it).get("interpreterd.execution.id") == waiting.id
        ]
        assert [about(it)["interpreterd.execution.outcome"] for it in ended] == ["cancelled"]
        assert span is None or span.name == "queue"
    assert spans.tracer._open == {}, "nothing is kept of what has ended"


async def test_variables_that_the_client_has_set_stay(spans: Spans, tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        service = LocalContexts(manager)
        with spans.tracer.request("POST", "/execute", ClientRequest("r1", PARENT)):
            await service.submit_unattended(Execute(code="1", envs={"TRACEPARENT": "mine"}))
        worker = await launcher.worker()
        run = await worker.run()
        assert run.request.envs == {"TRACEPARENT": "mine"}
        worker.done(run)
    assert CALLER.get() is None
