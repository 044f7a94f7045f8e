"""Metrics in Prometheus' formats, read back by Prometheus' own parsers."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import Counts
from interpreterd.monitoring.exposition import expose
from interpreterd.monitoring.families import families
from interpreterd.monitoring.histogram import Histogram


def exposed(accept: str) -> tuple[str, str]:
    counts = Counts()
    counts.executions["", "completed"] = 3
    counts.requests["GET", 200] = 2
    counts.execution.observe(0.2)
    counts.execution.observe(700.0)
    read = Readings(contexts={("idle", "off", ""): 2}, resident_bytes=5, processes=1)
    body, content_type = expose(families(counts, read, loop_lag=Histogram(), version='a"\\b'), accept)
    return body.decode(), content_type


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("text/html", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_a_scraper_gets_the_format_that_it_asks_for(accept: str, content_type: str) -> None:
    body, answered = exposed(accept)
    assert answered.startswith(content_type)
    assert body.endswith("# EOF\n") == ("openmetrics" in content_type)


@pytest.mark.parametrize(("accept", "parse"), [("", parse_text), ("application/openmetrics-text", parse_openmetrics)])
def test_a_parser_reads_what_was_counted(accept: str, parse: object) -> None:
    assert callable(parse)
    samples = {
        (it.name, *sorted(it.labels.items())): it.value for family in parse(exposed(accept)[0]) for it in family.samples
    }
    assert samples["interpreterd_executions_total", ("outcome", "completed")] == 3
    assert samples["interpreterd_http_requests_total", ("method", "GET"), ("status", "200")] == 2
    assert samples["interpreterd_execution_seconds_bucket", ("le", "0.25")] == 1
    assert samples["interpreterd_execution_seconds_bucket", ("le", "+Inf")] == 2
    assert samples[("interpreterd_execution_seconds_count",)] == 2
    assert samples["interpreterd_contexts", ("profile", "off"), ("state", "idle")] == 2
    assert samples["interpreterd_build_info", ("version", 'a"\\b')] == 1
