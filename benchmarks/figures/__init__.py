"""The figures, each a function that measures and returns its rows, in the order of the table."""

from collections.abc import Awaitable, Callable
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures.archives import archives
from benchmarks.figures.calls import calls
from benchmarks.figures.checkpoints import checkpoints
from benchmarks.figures.create import create, preload, sustained
from benchmarks.figures.crowd import crowd
from benchmarks.figures.density import density
from benchmarks.figures.e2b import e2b
from benchmarks.figures.execute import execute, first_byte, session
from benchmarks.figures.forks import forks
from benchmarks.figures.hostile import hostile
from benchmarks.figures.isolation import isolation
from benchmarks.figures.jupyter import jupyter
from benchmarks.figures.lag import lag, listing
from benchmarks.figures.leaving import aborted
from benchmarks.figures.mcp import mcp_calls, mcp_start
from benchmarks.figures.monitoring import monitoring
from benchmarks.figures.output import blocks, lines, switches
from benchmarks.figures.processor import cpu
from benchmarks.figures.rate import rate
from benchmarks.figures.shown import large_pictures, pictures, tables, values
from benchmarks.report import Row

FIGURES: Final[dict[str, Callable[[Bench], Awaitable[list[Row]]]]] = {
    "execute": execute,
    "session": session,
    "calls": calls,
    "cpu": cpu,
    "rate": rate,
    "create": create,
    "sustained": sustained,
    "preload": preload,
    "crowd": crowd,
    "lines": lines,
    "blocks": blocks,
    "switches": switches,
    "first-byte": first_byte,
    "listing": listing,
    "lag": lag,
    "hostile": hostile,
    "isolation": isolation,
    "monitoring": monitoring,
    "forks": forks,
    "checkpoints": checkpoints,
    "archives": archives,
    "density": density,
    "aborted": aborted,
    "pictures": pictures,
    "tables": tables,
    "values": values,
    "large-pictures": large_pictures,
    "e2b": e2b,
    "jupyter": jupyter,
    "mcp": mcp_calls,
    "mcp-start": mcp_start,
}
