"""OpenTelemetry, as its standard variables configure it (``OTEL_…``): off unless one of them asks for an exporter.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from interpreterd.background import supervised
from interpreterd.model.stats import Readings
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.scraping import Metrics
from interpreterd.monitoring.tracers import TRACERS

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

Signal = Literal["traces", "metrics"]
INTERVAL_MS: Final = 60_000
EXPORTERS: Final = ("otlp", "console")
LAST_EXPORT_LIMIT_S: Final = 2.0
_log = logging.getLogger(__name__)


def exporter_of(signal: Signal, environ: Mapping[str, str]) -> str:
    """Return the exporter that ``environ`` asks for: ``otlp``, ``console``, or empty for none.

    Raises:
        ValueError: It is another one; says so in a sentence.
    """
    name = f"OTEL_{signal.upper()}_EXPORTER"
    chosen = environ.get(name, "").strip().lower()
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or chosen == "none":
        return ""
    if not chosen:
        endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
        return "otlp" if any(environ.get(it, "").strip() for it in endpoints) else ""
    if chosen not in EXPORTERS:
        raise ValueError(f"{name} must be one of {', '.join(EXPORTERS)} and none, not {chosen}")
    return chosen


@contextlib.asynccontextmanager
async def observed(metrics: Metrics, readings: Callable[[], Awaitable[Readings]]) -> AsyncIterator[None]:
    """Export traces and metrics within the block, if the environment asks for that.

    What cannot be had is logged as a warning, and left out: such variables are often meant for other programs, too.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            wanted = {signal: exporter_of(signal, os.environ) for signal in _OPENERS}
            if any(wanted.values()):
                for signal, exporter in wanted.items():
                    if exporter:
                        await stack.enter_async_context(_OPENERS[signal](exporter, metrics, readings))
                _log.info("OpenTelemetry: %s", ", ".join(f"{key} to {it}" for key, it in wanted.items() if it))
        except ValueError as error:
            _log.warning("OpenTelemetry is off: %s", error)
        except ImportError as error:
            _log.warning("OpenTelemetry is configured, but %s is missing: install interpreterd[otel]", error.name)
        yield


@contextlib.asynccontextmanager
async def _traces(exporter: str, metrics: Metrics, readings: Callable[[], Awaitable[Readings]]) -> AsyncIterator[None]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    from interpreterd.monitoring.tracing import OtelTracer

    chosen: SpanExporter
    if exporter == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        chosen = OTLPSpanExporter()
    else:
        chosen = ConsoleSpanExporter(out=_stderr())
    provider = TracerProvider(resource=await asyncio.to_thread(resource), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(chosen))
    tracer = OtelTracer(provider)
    TRACERS.now = tracer
    HAPPENINGS.add(tracer)
    try:
        yield
    finally:
        TRACERS.now = None
        HAPPENINGS.remove(tracer)
        await _within(provider.shutdown)


@contextlib.asynccontextmanager
async def _metrics(exporter: str, metrics: Metrics, readings: Callable[[], Awaitable[Readings]]) -> AsyncIterator[None]:
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter

    from interpreterd.monitoring.otel_metrics import metrics_data

    chosen: MetricExporter
    if exporter == "otlp":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        chosen = OTLPMetricExporter()
    else:
        chosen = ConsoleMetricExporter(out=_stderr())
    every_s = _interval_s(os.environ)
    described = await asyncio.to_thread(resource)

    async def export() -> None:
        data = metrics_data(metrics.families(await readings()), described)
        await asyncio.to_thread(chosen.export, data)

    async def export_again_and_again() -> None:
        while True:
            await asyncio.sleep(every_s)
            await export()

    failure = "OpenTelemetry: metrics are no longer exported"
    task = supervised(asyncio.get_running_loop(), export_again_and_again(), _log, failure)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(Exception):  # the last numbers, if they can be had
            async with asyncio.timeout(LAST_EXPORT_LIMIT_S):
                await export()
        await _within(chosen.shutdown)


_OPENERS: Final[Mapping[Signal, Callable[..., contextlib.AbstractAsyncContextManager[None]]]] = {
    "traces": _traces,
    "metrics": _metrics,
}


def resource() -> "Resource":
    """Return what the exported data is about; the variables for that count more. For a thread."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource

    from interpreterd import __version__

    usual = Resource.create({SERVICE_NAME: "interpreterd", SERVICE_VERSION: __version__})
    return usual.merge(OTELResourceDetector().detect())


def _interval_s(environ: Mapping[str, str]) -> float:
    text = environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip() or str(INTERVAL_MS)
    if not text.isdigit() or not int(text):
        raise ValueError("OTEL_METRIC_EXPORT_INTERVAL must be a whole number of milliseconds")
    return int(text) / 1000


def _stderr() -> Any:
    import sys  # stdout has one line, for the starter

    return sys.stderr


async def _within(end: Callable[[], Any]) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LAST_EXPORT_LIMIT_S):
            await asyncio.to_thread(end)
