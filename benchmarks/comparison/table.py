"""A comparison as a table, and what its JSON says about the two trees."""

from typing import Any, Final

from attrs import asdict

from benchmarks.comparison.spread import TOLERANCE, Compared
from benchmarks.report import surroundings, table, text
from benchmarks.trees import Tree

_TOLERANCE: Final = f"{TOLERANCE * 100:g} %"


def sides(here: Tree, there: Tree) -> dict[str, Any]:
    """Return both trees, for the JSON."""
    return {"here": asdict(here), "there": asdict(there)}


def to_markdown(rows: list[Compared], facts: dict[str, Any], *, quick: bool) -> str:
    """Return the comparison as a table, with the trees and the machine above it; ``facts`` has both trees, too."""
    here, there = facts["here"], facts["there"]
    kind = "**A quick comparison**" if quick else "A comparison"
    counts = {answer: sum(row.within is answer for row in rows) for answer in (True, False)}
    lines = [
        surroundings(facts, f"{kind} of this tree, {_commit(here)}, with {there['name']}, {_commit(there)}."),
        "",
        *table(
            ("figure", "", "here", "there", "ratio", "interval", "n", "verdict", f"within {_TOLERANCE}"),
            [_cells(row) for row in rows],
        ),
        "",
        (
            f"Within {_TOLERANCE}: {counts[True]} of {len(rows)}; beyond: {counts[False]}. Where it is"
            " open, more rounds would tell (`--rounds`)."
        ),
    ]
    return "\n".join(lines) + "\n"


def _commit(tree: dict[str, Any]) -> str:
    if tree["commit"] is None:
        return "of no commit"
    return f"`{tree['commit'][:12]}`" + (" with changes" if tree["changed"] else "")


def _cells(row: Compared) -> tuple[str, ...]:
    if row.unit is None or row.here is None or row.there is None or row.ratio is None:
        return (row.figure, row.what, "", "", "", "", "", row.verdict, "")
    bounds = "" if row.low is None or row.high is None else f"{row.low:.3f}–{row.high:.3f}"
    within = {True: "yes", False: "**no**", None: "open"}[row.within]
    shown = (text(row.here, row.unit), text(row.there, row.unit), f"{row.ratio:.3f}", bounds, str(row.rounds))
    return (row.figure, row.what, *shown, row.verdict, within)
