"""The dashboard for Grafana asks only for metrics and labels that the daemon has."""

import json
import re
from collections.abc import Iterator
from typing import Any

from paths import ROOT

from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import Counts
from interpreterd.monitoring.families import families
from interpreterd.monitoring.histogram import Histogram

DASHBOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text("utf-8"))
OF_SCRAPES = {"job", "instance"}  # labels that Prometheus adds


def labels_by_name() -> dict[str, set[str]]:
    """Return the labels of each series that a daemon exposes."""
    counts = Counts()
    for table in (counts.worker_deaths, counts.refusals):
        table["x"] = 1
    counts.requests["GET", 200] = 1
    read = Readings(contexts={("idle", "off", ""): 1}, resident_bytes=0, processes=0)
    found: dict[str, set[str]] = {}
    for it in families(counts, read, loop_lag=Histogram(), version="1"):
        if it.kind == "histogram":
            found |= {f"{it.name}_bucket": {"le"}, f"{it.name}_sum": set(), f"{it.name}_count": set()}
        else:
            found[it.name + ("_total" if it.kind == "counter" else "")] = set(it.samples[0][0])
    return found


def expressions(node: Any) -> Iterator[str]:
    """Yield every query of the dashboard, also those of variables."""
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(inner, dict | list):
            yield from expressions(inner)
        elif key in ("expr", "definition", "query") and "interpreterd_" in str(inner):
            yield inner


def test_every_query_asks_for_what_is_there() -> None:
    known = labels_by_name()
    found = list(expressions(DASHBOARD))
    assert len(found) > 30
    for expression in found:
        names = re.findall(r"interpreterd_\w+", expression)
        assert set(names) <= set(known), expression
        labels = set(re.findall(r"by \((\w+)\)", expression)) | set(re.findall(r"(\w+)=~", expression))
        assert labels <= known[names[0]] | OF_SCRAPES, expression
        if "rate(" in expression:
            assert all(name.endswith(("_total", "_bucket")) for name in names), expression
        assert expression.count("(") == expression.count(")")


def test_a_legend_names_a_label_of_its_query() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert f"by ({label})" in target["expr"], panel["title"]


def test_every_metric_is_on_the_dashboard_or_left_out_on_purpose() -> None:
    left_out = {"code_bytes", "context_creations", "context_deletions", "workers_started", "follower_missed_events"}
    left_out |= {"pool_workers", "contexts_processes"}
    shown = " ".join(expressions(DASHBOARD))
    names = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in labels_by_name()}
    assert {name for name in names if name not in shown} == {f"interpreterd_{name}" for name in left_out}


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = [
        (x, y) for it in places for x in range(it["x"], it["x"] + it["w"]) for y in range(it["y"], it["y"] + it["h"])
    ]
    assert len(taken) == len(set(taken))
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
