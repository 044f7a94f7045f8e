"""docs/monitoring.md lists the metrics that the daemon has."""

import runpy

from paths import ROOT


def test_the_table_of_metrics_is_drawn_from_the_metrics() -> None:
    module = runpy.run_path(str(ROOT / "docs" / "metrics.py"))
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    assert module["drawn"]() in text, "`python docs/metrics.py` draws the table"
    assert text.count("interpreterd_") < 10, "the table leaves the prefix out"
