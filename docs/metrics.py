"""Draws the table of metrics in ``monitoring.md`` from the metrics that the daemon has."""

import re
from pathlib import Path

from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import Counts
from interpreterd.monitoring.families import METRIC_PREFIX, families
from interpreterd.monitoring.histogram import Histogram

PAGE = Path(__file__).with_name("monitoring.md")
MARKED = re.compile(r"(?<=<!-- metrics: begin -->\n).*(?=<!-- metrics: end -->)", re.DOTALL)


def drawn() -> str:
    """Return the rows of the table."""
    counts = Counts()
    for table in (counts.worker_deaths, counts.refusals):
        table[""] = 0
    counts.requests["GET", 200] = 0
    readings = Readings(contexts={("idle", "off", ""): 1}, resident_bytes=0, processes=0)
    rows = []
    for it in families(counts, readings, loop_lag=Histogram(), version=""):
        name = it.name.removeprefix(METRIC_PREFIX) + ("_total" if it.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in (it.samples[0][0] if it.samples else ()))
        rows.append(
            f"| `{name}`{f' by {labels}' if labels else ''} | {it.kind} | {it.help[0].lower()}{it.help[1:]} |\n"
        )
    return "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(MARKED.sub(lambda _: drawn(), PAGE.read_text("utf-8")), "utf-8")
