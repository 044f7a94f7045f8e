"""Metrics as Prometheus reads them: its text format, or OpenMetrics. Imported at the first scrape."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from interpreterd.monitoring.families import Family


class _Given(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for it in self._families:
            yield _metric(it)


def expose(families: Sequence[Family], accept: str) -> tuple[bytes, str]:
    """Return the metrics in the form that ``accept``, the header of a request, prefers, and its ``Content-Type``."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    encoded: bytes = encode(registry)
    return encoded, content_type


def _metric(family: Family) -> Metric:
    if family.kind == "histogram":
        assert family.histogram is not None
        values = family.histogram.cumulated()
        return HistogramMetricFamily(family.name, family.help, values, family.histogram.total, unit=family.unit)
    labels = list(family.samples[0][0]) if family.samples else []
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=labels, unit=family.unit)
    for named, value in family.samples:
        metric.add_metric(list(named.values()), value)
    return metric
