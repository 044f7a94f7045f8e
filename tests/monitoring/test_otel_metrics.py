"""Metrics as OpenTelemetry's data: the same numbers as for Prometheus."""

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource

from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import Counts
from interpreterd.monitoring.families import families
from interpreterd.monitoring.histogram import Histogram
from interpreterd.monitoring.otel_metrics import metrics_data


def test_every_metric_can_be_sent() -> None:
    counts = Counts()
    counts.executions["", "completed"] = 3
    counts.execution.observe(0.2)
    counts.execution.observe(1000.0)
    found = families(counts, Readings(contexts={("idle", "off", ""): 2}), loop_lag=Histogram(), version="1")
    sent = encode_metrics(metrics_data(found, Resource({"service.name": "x"})))
    metrics = {it.name: it for it in sent.resource_metrics[0].scope_metrics[0].metrics}
    assert set(metrics) == {family.name for family in found}
    executions = metrics["interpreterd_executions"].sum
    assert executions.is_monotonic
    values = {it.attributes[0].value.string_value: it.as_int or it.as_double for it in executions.data_points}
    assert values["completed"] == 3
    (point,) = metrics["interpreterd_execution_seconds"].histogram.data_points
    assert (point.count, sum(point.bucket_counts), point.bucket_counts[-1]) == (2, 2, 1)
    assert len(point.explicit_bounds) == len(point.bucket_counts) - 1
    assert metrics["interpreterd_execution_seconds"].unit == "s"
    assert metrics["interpreterd_contexts"].gauge.data_points[0].as_int == 2
