"""What is kept of the last full runs: JSON, from which the tables in RESULTS.md and the plots in docs/ are made."""

from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks import report
from benchmarks.comparison import spread, table

FOLDER: Final = Path(__file__).parent
PAGE: Final = "RESULTS.md"
# Where the table of each stands in RESULTS.md.
FIGURES: Final = "results"
AGAINST: Final = "against"


def markdown(run: dict[str, Any]) -> str:
    """Return the table of a run that was JSON, of figures or of a comparison."""
    if "compared" in run:
        rows = [spread.Compared(**row) for row in run["compared"]]
        return table.to_markdown(rows, run["machine"], quick=run["quick"])
    return report.to_markdown(report.rows_of(run), run["machine"], quick=run["quick"])


def update(told: bytes, folder: Path = FOLDER) -> None:
    """Keep the JSON of a run in ``folder``, and replace its table in RESULTS.md; the text around it stays.

    Raises:
        ValueError: RESULTS.md does not have the lines between which the table stands.
    """
    run = orjson.loads(told)
    name = AGAINST if "compared" in run else FIGURES
    page = folder / PAGE
    written = with_table(page.read_text("utf-8"), name, markdown(run))
    (folder / f"{name}.json").write_bytes(told)
    page.write_text(written, "utf-8")


def with_table(page: str, name: str, table: str) -> str:
    """Return ``page`` with ``table`` between the marker lines of ``name``."""
    marks = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = page.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"{PAGE} must have the lines {marks[0]} and {marks[1]}")
    return f"{before}{begin}\n\n{table}\n{end}{after}"
