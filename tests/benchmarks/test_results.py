"""RESULTS.md documents the JSON of a run, and its tables are made from that JSON."""

import re
import shutil
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from paths import ROOT

from benchmarks import results
from benchmarks.comparison.spread import Compared, Paired, judge
from benchmarks.report import Row, machine, rows_of, to_json
from benchmarks.trees import Tree

PAGE = (ROOT / "benchmarks" / "RESULTS.md").read_text("utf-8")
KEPT = orjson.loads((ROOT / "benchmarks" / "results.json").read_bytes())
TREE = Tree(name="this tree", commit="0" * 40, changed=True, python="python")


def comparison() -> dict[str, Any]:
    pair = Paired(figure="cpu", what="`pass` | x", unit="s")
    for _ in range(6):
        pair.add([0.00021], [0.0002])
    failed = Compared(figure="rate", what="", verdict="could not be measured: a reason")
    facts = machine() | {name: attrs.asdict(TREE) for name in ("here", "there")}
    told: dict[str, Any] = orjson.loads(to_json(facts, quick=True, compared=[*judge([pair]), failed]))
    return told


def documented(prefix: str) -> set[str]:
    """Return the keys that RESULTS.md documents for the objects in the list ``prefix``."""
    section = PAGE.partition("\n## As JSON\n")[2].partition("\n## ")[0]
    (lines,) = [re.findall(rf"^\| `{prefix}\[\]\.(.*?) \| .* \|$", section, re.MULTILINE)]
    return {key for line in lines for key in re.findall(r"\.?(\w+)`", line)}


@pytest.mark.parametrize(("prefix", "kind"), [("rows", Row), ("compared", Compared)])
def test_every_key_of_the_json_is_documented(prefix: str, kind: type) -> None:
    assert documented(prefix) == {field.name for field in attrs.fields(kind)}


def test_every_fact_of_the_machine_is_documented() -> None:
    line = re.search(r"^\| `machine` \| (.*) \|$", PAGE, re.MULTILINE)
    assert line is not None
    known = set(re.findall(r"`(\w+)`", line[1]))
    assert machine().keys() | {"commit", "changed", "here", "there"} <= known
    assert {field.name for field in attrs.fields(Tree)} <= known


def test_the_kept_run_is_what_the_page_describes() -> None:
    assert KEPT.keys() == {"machine", "quick", "rows"}
    for row in rows_of(KEPT):
        assert (row.value is None) == (row.unit is None), row
        assert row.measured
        assert all(isinstance(value, float | int) for value in row.references.values())


def test_the_table_is_made_of_the_kept_run() -> None:
    assert results.with_table(PAGE, results.FIGURES, results.markdown(KEPT)) == PAGE


def test_a_kept_comparison_is_in_the_page_too() -> None:
    path = ROOT / "benchmarks" / "against.json"
    if path.exists():
        table = results.markdown(orjson.loads(path.read_bytes()))
        assert results.with_table(PAGE, results.AGAINST, table) == PAGE


def test_a_run_replaces_its_own_table_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(ROOT / "benchmarks" / "RESULTS.md", tmp_path)
    row = Row(figure="cpu", what="a new row", measured="1 ms", value=0.001, unit="s")
    told = to_json(machine(), quick=False, rows=[row])
    results.update(told, tmp_path)
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "| cpu | a new row | | 1 ms | | | |" in page.replace("|  |", "| |").replace("|  |", "| |")
    assert (tmp_path / "results.json").read_bytes() == told
    outside = re.compile(r"<!-- results: begin -->.*<!-- results: end -->", re.DOTALL)
    assert outside.sub("", page) == outside.sub("", PAGE)
    assert not (tmp_path / "against.json").exists()


def test_a_comparison_has_its_own_place(tmp_path: Path) -> None:
    shutil.copy(ROOT / "benchmarks" / "RESULTS.md", tmp_path)
    results.update(orjson.dumps(comparison()), tmp_path)
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    inside = page.partition("<!-- against: begin -->")[2].partition("<!-- against: end -->")[0]
    assert ("| cpu | `pass` \\| x | 210 µs | 200 µs | 1.050 | 1.050–1.050 | 6 | slower by 5.0 % | **no** |") in inside
    assert "| rate |  |  |  |  |  |  | could not be measured: a reason |  |" in inside
    assert "`000000000000` with changes" in inside
    assert results.markdown(KEPT) in page


def test_a_page_without_the_place_for_a_table_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "RESULTS.md").write_text("# Results\n")
    with pytest.raises(ValueError, match="results: begin"):
        results.update(to_json(machine(), quick=True, rows=[]), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]
