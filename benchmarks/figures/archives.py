"""What archives cost: a namespace down to the disk and up again, against ``pickle`` with protocol 5."""

from functools import partial
from pathlib import Path
from typing import Final

from attrs import frozen

from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.report import NOT_BUILT, Row, ms
from benchmarks.stats import Blocks, Sample, alternate

PAUSE_S: Final = 0.5  # before each sample: processes end, and the disk rests
SHARE: Final = 0.8
WAYS: Final = ("down", "up")
SYNCED: Final = "pickle.dump and fsync"  # what a dump takes that survives a loss of power, as an archive does
# Each in a process that has imported what the object needs when it is dumped, and nothing when it is loaded.
DUMP: Final = """
import os, pickle, time
if os.path.exists({path!r}):
    os.unlink({path!r})
_start = time.perf_counter()
with open({path!r}, "wb") as _file:
    pickle.dump(data, _file, protocol=5)
    if {synced}:
        _file.flush()
        os.fsync(_file.fileno())
print(time.perf_counter() - _start)
"""
LOAD: Final = """
import pickle, time
_start = time.perf_counter()
with open({path!r}, "rb") as _file:
    data = pickle.load(_file)
print(time.perf_counter() - _start)
"""


@frozen(kw_only=True)
class Load:
    """A namespace to be archived.

    Attributes:
        code: What makes it: one large object, ``data``.
        down_s, up_s: How long an archive of it may take, and its return in a new context.
    """

    name: str
    code: str
    down_s: float
    up_s: float


ARRAY: Final = "import numpy\ndata = numpy.random.default_rng(0).random(62_500_000)"
FRAME: Final = """
import numpy, pandas
_n, _chance = 5_000_000, numpy.random.default_rng(0)
_names = numpy.array([f"name {i}" for i in range(1000)], dtype=object)
data = pandas.DataFrame({
    "id": numpy.arange(_n),
    "value": _chance.random(_n),
    "at": pandas.date_range("2020-01-01", periods=_n, freq="s"),
    "name": _names[_chance.integers(0, 1000, _n)],
})
"""
LOADS: Final = (
    Load(name="an array of 500 MB", code=ARRAY, down_s=1.0, up_s=0.5),
    Load(name="a frame of 5 million rows", code=FRAME, down_s=2.0, up_s=0.9),
)


async def archives(bench: Bench) -> list[Row]:
    """Measure an array and a frame, each way from the request to the answer; n = half of turns of each.

    The floors run in the same daemon's contexts, and write to the same file system. A load begins in a new process,
    so it imports what the object needs, as a context does that is made from an archive.
    """
    if not bench.has_state:
        return [Row(figure="archives", what="archives", measured=NOT_BUILT, met=False)]
    rows = []
    directory = bench.directory / "state"
    for load in LOADS:
        async with bench.daemon("--state-dir", str(directory), python=bench.packed_python) as (_, client):
            rows += await _measured(bench, client, load)
    return rows


async def _measured(bench: Bench, client: Client, load: Load) -> list[Row]:
    context = await client.create()
    await client.post(load.code, context)
    _, kept = await client.ask("POST", f"/context/{context}/archive", {})
    pickled = bench.directory / "floor.pickle"
    await _dump(client, context, pickled)
    sides: dict[str, Sample] = {
        "down": partial(_down, client, context),
        "up": partial(_up, client, kept["archiveId"]),
        "pickle.dump": partial(_dump, client, context, pickled),
        SYNCED: partial(_dump, client, context, pickled, synced=True),
        "pickle.load": partial(_load, client, context, pickled),
    }
    blocks = await alternate(sides, turns=max(3, bench.scale.turns // 2), samples=1, pause_s=PAUSE_S, warm_up=1)
    await client.ask("DELETE", f"/archives/{kept['archiveId']}")
    limits = {"down": load.down_s, "up": load.up_s}
    floors = {"down": "pickle.dump", "up": "pickle.load"}
    return [_row(load, way, limits[way], floors[way], blocks, kept["bytes"]) for way in WAYS]


async def _down(client: Client, context: str) -> float:
    took, made = await client.ask("POST", f"/context/{context}/archive", {})
    await client.ask("DELETE", f"/archives/{made['archiveId']}")
    return took


async def _up(client: Client, archive: str) -> float:
    took, made = await client.ask("POST", "/context", {"archive": archive})
    await client.delete(made["id"])
    return took


async def _dump(client: Client, context: str, path: Path, *, synced: bool = False) -> float:
    return float(await client.post(DUMP.format(path=str(path), synced=synced), context))


async def _load(client: Client, context: str, path: Path) -> float:
    fresh = await client.create()
    took = float(await client.post(LOAD.format(path=str(path)), fresh))
    await client.delete(fresh)
    return took


def _row(load: Load, way: str, limit_s: float, floor: str, blocks: dict[str, Blocks], size: int) -> Row:
    throughput = 1 / blocks[way].ratio_to(blocks[floor])
    doing = "archive" if way == "down" else "load in a new context"
    reference = f"`{floor}` {ms(blocks[floor].p50)}: throughput {throughput:.2f} ×"
    references = {floor: blocks[floor].p50}
    if way == "down":
        reference += f"; with fsync {ms(blocks[SYNCED].p50)}: {1 / blocks[way].ratio_to(blocks[SYNCED]):.2f} ×"
        references[SYNCED] = blocks[SYNCED].p50
    return Row(
        figure="archives",
        what=f"{doing}: {load.name}, p50",
        target=f"≤ {ms(limit_s)}, ≥ {SHARE:g} × the throughput of `{floor}`",
        measured=ms(blocks[way].p50),
        reference=reference,
        ratio=blocks[way].ratio_to(blocks[floor]),
        met=blocks[way].p50 <= limit_s and throughput >= SHARE,
        value=blocks[way].p50,
        unit="s",
        references=references,
        values={"archive_bytes": size, **{side: blocks[side].milliseconds() for side in (way, *references)}},
    )
