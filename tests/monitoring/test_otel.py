"""OpenTelemetry is off unless its variables ask for it."""

import logging
import sys
from typing import Any

import pytest

from interpreterd.model.stats import Readings
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.otel import exporter_of, observed, resource
from interpreterd.monitoring.scraping import Metrics
from interpreterd.monitoring.settings import MonitoringSettings
from interpreterd.monitoring.tracers import TRACERS

ENDPOINT = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, "", ""),
        ({"OTEL_SERVICE_NAME": "x"}, "", ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, "otlp", "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ENDPOINT}, "otlp", ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console", ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}, "otlp", ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, "", ""),
    ],
)
def test_the_variables_choose_the_exporters(environ: dict[str, str], traces: str, metrics: str) -> None:
    assert (exporter_of("traces", environ), exporter_of("metrics", environ)) == (traces, metrics)


def test_an_unknown_exporter_is_named() -> None:
    with pytest.raises(ValueError, match="OTEL_TRACES_EXPORTER must be one of otlp, console and none, not zipkin"):
        exporter_of("traces", {"OTEL_TRACES_EXPORTER": "zipkin"})


def test_what_is_exported_is_of_the_daemon_unless_the_variables_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resource().attributes["service.name"] == "interpreterd"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert resource().attributes["service.name"] == "mine"


async def read() -> Readings:
    return Readings(running=7)


async def test_traces_and_metrics_are_exported_within_the_block(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "console")
    metrics = Metrics(MonitoringSettings())
    async with observed(metrics, read):
        assert TRACERS.now is not None
        assert HAPPENINGS.sinks == (TRACERS.now,)
    metrics.close()
    assert (TRACERS.now, HAPPENINGS.sinks) == (None, ())
    shown = capsys.readouterr()
    assert shown.out == "", "stdout has one line, for the starter"
    assert "interpreterd_executions_running" in shown.err, "the last numbers are exported at the end"


@pytest.mark.parametrize("what", ["missing", "wrong"])
async def test_what_cannot_be_had_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    if what == "missing":
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
        told: Any = "install interpreterd[otel]"
    else:
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "console")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "often")
        told = "OTEL_METRIC_EXPORT_INTERVAL must be a whole number of milliseconds"
    with caplog.at_level(logging.WARNING):
        async with observed(Metrics(MonitoringSettings()), read):
            assert TRACERS.now is None
    assert told in caplog.text
