"""What was measured, as rows; the machine; and both as JSON and as the table in RESULTS.md."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import asdict, field, frozen

RESULTS: Final = Path(__file__).with_name("RESULTS.md")
BEGIN: Final = "<!-- results: begin -->"
END: Final = "<!-- results: end -->"
NOT_BUILT: Final = "not built"
PACKAGES: Final = ("interpreterd", "aiohttp", "uvloop", "orjson", "ipykernel", "numpy", "pandas")
_MEGA: Final = 1e6


@frozen(kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        figure: The name by which ``--only`` knows the figure.
        what: What was measured.
        target: What is to be reached; empty for a peer or a fact.
        measured: The number with its unit.
        reference: The floor, or what else it is compared with, measured in turns with it.
        ratio: Measured to reference; None where there is no such thing.
        met: Whether the target is reached; None without a target.
        values: All numbers behind it, for the JSON; the names end in their units.
    """

    figure: str
    what: str
    target: str = ""
    measured: str
    reference: str = ""
    ratio: float | None = None
    met: bool | None = None
    values: dict[str, Any] = field(factory=dict)


def ms(seconds: float) -> str:
    """Return a time in milliseconds."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds * 1e3:.0f} ms"


def mb(size: float) -> str:
    """Return a size, or a rate, in megabytes (10⁶ bytes)."""
    return f"{size / _MEGA:.3g} MB" if size < 1e9 else f"{size / _MEGA:.0f} MB"


def machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
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


def to_json(rows: list[Row], facts: dict[str, Any], *, quick: bool) -> bytes:
    """Return the whole run."""
    run = {"machine": facts, "quick": quick, "rows": [asdict(row) for row in rows]}
    return orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def to_markdown(rows: list[Row], facts: dict[str, Any], *, quick: bool) -> str:
    """Return the run as a table, with the machine above it."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)
    kind = "**A quick run**: few samples, and a crowd of 50 instead of 1,000." if quick else "A full run."
    environment = (
        f"{kind} {facts['date']}; {facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB; Linux"
        f" {facts['kernel']}; {facts['python']}; {packages}. Load average at the start {facts['load_average']:.1f}."
    )
    lines = [
        environment,
        "",
        "| figure | | target | measured | compared with | ratio | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
        cells = (row.figure, row.what, row.target, row.measured, row.reference, ratio, met)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def update_results(table: str, path: Path = RESULTS) -> None:
    """Replace what stands between the two marker lines of ``path``; the rest is written by hand and stays."""
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} must have the lines {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{table}\n{END}{after}")
