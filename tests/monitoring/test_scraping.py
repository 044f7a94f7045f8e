"""Answers to Prometheus cost nothing before the first question."""

import subprocess
import sys

from interpreterd.model.stats import Readings
from interpreterd.monitoring.scraping import Metrics
from interpreterd.monitoring.settings import MonitoringSettings


async def test_the_metrics_have_all_families_in_text() -> None:
    metrics = Metrics(MonitoringSettings())
    body, content_type = await metrics.expose(Readings(), "")
    metrics.close()
    assert content_type.startswith("text/plain")
    for family in metrics.families(Readings()):
        assert f"# TYPE {family.name}".encode() in body
    metrics.close()


def test_a_daemon_that_nobody_scrapes_has_not_imported_the_library() -> None:
    code = (
        "import sys, interpreterd.daemon; print([it for it in sys.modules if it.startswith(('prometheus', 'opentel'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
