"""What was measured, as rows; the machine; and both as JSON and as a table. RESULTS.md describes the JSON."""

import os
import platform
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from attrs import asdict, field, frozen

Unit = Literal["s", "bytes", "bytes/s", "1/s", "count"]
NOT_BUILT: Final = "not built"
PACKAGES: Final = ("interpreterd", "aiohttp", "uvloop", "orjson", "ipykernel", "numpy", "pandas")
COLUMNS: Final = 120
_MEGA: Final = 1e6


@frozen(kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        figure: The name by which ``--only`` knows the figure.
        what: What was measured.
        target: What is to be reached; empty for a peer or a fact.
        measured: The number with its unit.
        reference: The floor, or another value to compare with, measured in turns with it.
        ratio: Measured to reference; None without a reference.
        met: Whether the target is reached; None without a target.
        value: The number of ``measured``, in ``unit``; None if there is none.
        unit: That of ``value`` and ``references``.
        references: The numbers of ``reference``, by their names; ``daemon`` in the row of a peer.
        values: All numbers behind it: samples, or n, median, p99 and maximum; the names end in their units.
    """

    figure: str
    what: str
    target: str = ""
    measured: str
    reference: str = ""
    ratio: float | None = None
    met: bool | None = None
    value: float | None = None
    unit: Unit | None = None
    references: dict[str, float] = field(factory=dict)
    values: dict[str, Any] = field(factory=dict)


def ms(seconds: float) -> str:
    """Return a time in milliseconds."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds * 1e3:.0f} ms"


def mb(size: float) -> str:
    """Return a size, or a rate, in megabytes (10⁶ bytes)."""
    return f"{size / _MEGA:.3g} MB" if size < 1e9 else f"{size / _MEGA:.0f} MB"


def machine() -> dict[str, Any]:
    """Return the facts of the machine on which the numbers depend."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_average": os.getloadavg()[0],
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def text(value: float, unit: Unit) -> str:
    """Return ``value`` as it is shown."""
    match unit:
        case "s":
            return f"{value * 1e6:.3g} µs" if value < 1e-3 else ms(value)
        case "bytes":
            return mb(value) if value >= 1e5 else f"{value / 1e3:.1f} KB"
        case "bytes/s":
            return f"{mb(value)}/s"
        case "1/s":
            return f"{value:.0f}/s"
        case "count":
            return f"{value:.3g}"


def to_json(facts: dict[str, Any], *, quick: bool, **lists: list[Any]) -> bytes:
    """Return the whole run; ``lists`` are of rows, or of another attrs class."""
    told = {name: [asdict(row) for row in rows] for name, rows in lists.items()}
    run = {"machine": facts, "quick": quick, **told}
    return orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def rows_of(run: dict[str, Any]) -> list[Row]:
    """Return the rows of a run that was JSON."""
    return [Row(**row) for row in run["rows"]]


def surroundings(facts: dict[str, Any], kind: str) -> str:
    """Return the lines above a table: the ``kind`` of run, its time, and the machine."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)
    told = (
        f"{kind} {facts['date']}; {facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB; Linux"
        f" {facts['kernel']}; {facts['python']}; {packages}. Load average at the start {facts['load_average']:.1f}."
    )
    return textwrap.fill(told, COLUMNS, break_on_hyphens=False, break_long_words=False)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [head, *rows]
    shown = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines]
    return [shown[0].replace("|  |", "| |"), "|" + "---|" * len(head), *shown[1:]]


def to_markdown(rows: list[Row], facts: dict[str, Any], *, quick: bool) -> str:
    """Return the run as a table, with the machine above it."""
    kind = "**A quick run**: few samples, and a crowd of 50 instead of 1,000." if quick else "A full run."
    cells = []
    for row in rows:
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
        cells.append((row.figure, row.what, row.target, row.measured, row.reference, ratio, met))
    head = ("figure", "", "target", "measured", "compared with", "ratio", "met")
    return "\n".join([surroundings(facts, kind), "", *table(head, cells)]) + "\n"
