"""The same metrics as Prometheus gets, as OpenTelemetry's data; see ``otel``."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from interpreterd import __version__
from interpreterd.monitoring.families import Family

UNITS: Final[Mapping[str, str]] = {"seconds": "s", "bytes": "By", "": "1"}
_STARTED_NS: Final = time.time_ns()


def metrics_data(families: Sequence[Family], resource: Resource) -> MetricsData:
    """Return ``families`` as what an exporter takes."""
    now = time.time_ns()
    scope = ScopeMetrics(
        scope=InstrumentationScope("interpreterd", __version__),
        metrics=[_metric(family, now) for family in families],
        schema_url="",
    )
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _metric(family: Family, now: int) -> Metric:
    data: Sum | Gauge | HistogramData
    if family.histogram is not None:
        its = family.histogram
        # Neither least nor most is known, as the SDK says it.
        point = HistogramDataPoint(
            {}, _STARTED_NS, now, sum(its.counts), its.total, list(its.counts), its.bounds, math.inf, -math.inf
        )
        data = HistogramData([point], AggregationTemporality.CUMULATIVE)
    else:
        points = [NumberDataPoint(dict(labels), _STARTED_NS, now, value) for labels, value in family.samples]
        if family.kind == "counter":
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        else:
            data = Gauge(points)
    return Metric(family.name, family.help, UNITS[family.unit], data)
