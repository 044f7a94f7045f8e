"""Showing a figure and a table, against what matplotlib and pandas do for them anyway."""

import time

from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.report import Row, mb, ms
from benchmarks.stats import Sample, alternate

DRAW = "figure, axes = plt.subplots()\naxes.plot([1, 3, 2])\naxes.set_title('A figure')"
PICTURES = {
    "shown": DRAW,
    "savefig": f"{DRAW}\nfigure.savefig(io.BytesIO(), format='png')\nplt.close(figure)",
}
PICTURES_SETUP = "import io\nimport matplotlib.pyplot as plt"
TABLES = {"shown": "display(frame)", "_repr_html_": "html = frame._repr_html_()"}
TABLES_SETUP = (
    "import numpy as np, pandas as pd\nn, random = 10**6, np.random.default_rng(0)\n"
    "frame = pd.DataFrame({'i': random.integers(0, 100, n), 'f': random.normal(size=n),"
    " 's': random.choice(['x', 'yy', 'zzz'], n), 't': pd.date_range('2020', periods=n, freq='s'),"
    " 'b': random.random(n) > 0.5})"
)


PICTURE_BYTES = 10_000_000


async def pictures(bench: Bench) -> list[Row]:
    """Measure an execution that leaves a figure of 640×480 open, against one that saves it to memory and closes it.

    n = turns of a quarter of samples each.
    """
    return [await _row(bench, "pictures", "show a 640×480 figure, p50", PICTURES_SETUP, PICTURES, 1.2)]


async def tables(bench: Bench) -> list[Row]:
    """Measure an execution that shows a table of 10⁶ rows, against one that asks pandas for its HTML.

    n = turns of a quarter of samples each.
    """
    return [await _row(bench, "tables", "show a table of 10⁶ rows, p50", TABLES_SETUP, TABLES, 1.5)]


async def values(bench: Bench) -> list[Row]:
    """Measure ``1+1`` with its result, over HTTP, against ``pass``. n = turns of a quarter of samples each."""
    return [await _row(bench, "values", "`1+1` with its result, p50", "pass", {"1+1": "1+1", "pass": "pass"}, 1.15)]


async def large_pictures(bench: Bench) -> list[Row]:
    """Measure an execution that shows a picture of 10 MB, up to the last byte of its answer. n = turns."""
    async with bench.daemon(python=bench.packed_python) as (_, client):
        await client.post(f"import os\npicture = os.urandom({PICTURE_BYTES})")
        code = "display({'image/png': picture}, raw=True)"
        blocks = (await alternate({"shown": _sample(client, code)}, turns=bench.scale.turns, samples=1))["shown"]
    rate = PICTURE_BYTES / blocks.p50
    return [
        Row(
            figure="large-pictures",
            what="a picture of 10 MB reaches its client, p50",
            target="≥ 150 MB/s",
            measured=mb(rate),
            reference="",
            ratio=rate / 150e6,
            met=rate >= 150e6,
            value=rate,
            unit="bytes/s",
            references={},
            values={"shown": blocks.milliseconds()},
        )
    ]


async def _row(bench: Bench, figure: str, what: str, setup: str, codes: dict[str, str], limit: float) -> Row:
    async with bench.daemon(python=bench.packed_python) as (_, client):
        await client.post(setup)
        sides = {name: _sample(client, code) for name, code in codes.items()}
        blocks = await alternate(sides, turns=bench.scale.turns, samples=bench.scale.samples // 4)
    shown, other = codes
    ratio = blocks[shown].ratio_to(blocks[other])
    return Row(
        figure=figure,
        what=what,
        target=f"≤ {limit} × {other}",
        measured=ms(blocks[shown].p50),
        reference=f"{other} {ms(blocks[other].p50)}",
        ratio=ratio,
        met=ratio <= limit,
        value=blocks[shown].p50,
        unit="s",
        references={other: blocks[other].p50},
        values={name: side.milliseconds() for name, side in blocks.items()},
    )


def _sample(client: Client, code: str) -> Sample:
    async def sample() -> float:
        start = time.perf_counter()
        await client.post(code)
        return time.perf_counter() - start

    return sample
