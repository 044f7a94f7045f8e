"""The site's page of figures draws ``results.json`` and is readable without colours."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import drawing
import plots
import pytest
from drawing import Bar
from paths import ROOT

KEPT = json.loads((ROOT / "benchmarks" / "results.json").read_text("utf-8"))
MEASURED = {row["figure"] for row in KEPT["rows"]}
SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> list[ElementTree.Element]:
    """Return the pictures of a page."""
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text)]


def texts(svg: ElementTree.Element) -> list[str]:
    return [it.text or "" for it in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("title", plots.PLOTS)
def test_every_bar_has_its_number(title: str) -> None:
    """Only figures of the stored run are checked; newer figures are drawn after the next run."""
    _, wanted = plots.PLOTS[title]
    measurable = [want for want in wanted if want.figure in MEASURED]
    found = list(plots._bars(KEPT["rows"], tuple(measurable)))
    assert [bar.label for bar in found] == [want.label for want in measurable]
    assert all(bar.value > 0 for bar in found)


def test_the_numbers_are_those_of_the_kept_run() -> None:
    page = plots.page()
    for row in KEPT["rows"]:
        if row["what"].startswith(("`pass`, new WebSocket", "peer: ")):
            assert any(row["measured"].partition(" (")[0] in texts(svg) for svg in drawn(page)), row


def test_the_peer_stands_beside_the_daemon() -> None:
    with_peer = [svg for svg in drawn(plots.page()) if "Jupyter kernel" in texts(svg)]
    assert len(with_peer) == 3
    for svg in with_peer:
        kinds = [it.get("class") for it in svg.iter(f"{SVG}rect")]
        assert {"ours", "peer", "floor"} == set(kinds)


def test_a_picture_needs_no_script_no_colour_and_no_empty_line() -> None:
    page = plots.page()
    assert "<script" not in page
    for svg in drawn(page):
        title = svg.find(f"{SVG}title")
        assert title is not None
        assert svg.get("role") == "img"
        assert all(text in (title.text or "") for text in texts(svg))
        colours = {it.get(name) for it in svg.iter() for name in ("fill", "stroke", "style")}
        assert colours == {None}, "the page's own theme has them"
    assert all("\n" not in figure for figure in re.findall(r"<figure>.*?</figure>", page, re.DOTALL))


def test_bars_are_as_long_as_their_values_and_stay_in_the_picture() -> None:
    (svg,) = drawn(drawing.bars("Title", [Bar("a <b>", "ours", 2.0, "2 ms"), Bar("c", "peer", 4.0, "4 ms")]))
    widths = [float(it.attrib["width"]) for it in svg.iter(f"{SVG}rect")]
    assert widths == [drawing.LONGEST / 2, drawing.LONGEST]
    assert texts(svg) == ["a <b>", "2 ms", "c", "4 ms"]
    assert drawing.LABEL + drawing.LONGEST + 90 <= drawing.WIDTH


def test_bars_of_nothing_are_still_there() -> None:
    (svg,) = drawn(drawing.bars("Title", [Bar("a", "ours", 0.0, "0 ms")]))
    assert [float(it.attrib["width"]) for it in svg.iter(f"{SVG}rect")] == [1.0]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.000339, "s", "339 µs"),
        (0.00111, "s", "1.11 ms"),
        (1.5, "s", "1500 ms"),
        (8800, "bytes", "8.8 KB"),
        (3.44e6, "bytes", "3.44 MB"),
        (1.618e9, "bytes/s", "1618 MB/s"),
        (443.4, "1/s", "443/s"),
        (2.98, "count", "2.98"),
    ],
)
def test_a_number_has_a_unit_that_suits_it(value: float, unit: str, shown: str) -> None:
    assert drawing.number(value, unit) == shown


def test_a_comparison_shows_each_interval_beside_the_line_of_no_difference() -> None:
    rows: list[dict[str, Any]] = [
        {"what": "`pass`", "low": 1.03, "high": 1.05, "ratio": 1.04, "verdict": "slower by 3.0–5.0 %"},
        {"what": "switches", "low": 0.05, "high": 1.9, "ratio": 0.1, "verdict": "faster by 90 %"},
        {"what": "memory", "low": 0.98, "high": 1.01, "ratio": 1.0, "verdict": "no difference beyond noise (±2.0 %)"},
    ]
    (svg,) = drawn(drawing.intervals(rows))
    none, *lines = list(svg.iter(f"{SVG}line"))
    centre = float(none.attrib["x1"])
    ends = [(float(it.attrib["x1"]), float(it.attrib["x2"])) for it in lines]
    assert centre < ends[0][0] < ends[0][1] <= drawing.WIDTH
    assert ends[1] == (centre - 110, centre + 110), "at the edge"
    assert ends[2][0] < centre < ends[2][1]
    assert texts(svg) == [text for row in rows for text in (row["what"].replace("`", ""), row["verdict"])]


def test_a_kept_comparison_stands_between_the_plots_and_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "benchmarks" / "results.json", tmp_path)
    monkeypatch.setattr(plots, "BENCHMARKS", tmp_path)
    without = plots.page()
    row = {"what": "`pass`", "low": 0.99, "high": 1.01, "ratio": 1.0, "verdict": "no difference beyond noise (±1.0 %)"}
    unknown = {**row, "what": "rate", "low": None, "high": None}
    trees = {"here": {"commit": "a" * 40}, "there": {"commit": "b" * 40, "name": "v1.0"}}
    kept = {"machine": KEPT["machine"] | trees, "quick": False, "compared": [row, unknown]}
    (tmp_path / "against.json").write_text(json.dumps(kept))
    page = plots.page()
    added, rest = page.partition("## Against v1.0\n")[2].split("## All figures\n")
    assert [texts(svg) for svg in drawn(added)] == [["pass", row["verdict"]]]
    assert "`aaaaaaaaaaaa` against `bbbbbbbbbbbb`" in added
    assert page.replace(f"## Against v1.0\n{added}", "") == without
    assert rest == without.split("## All figures\n")[1]
