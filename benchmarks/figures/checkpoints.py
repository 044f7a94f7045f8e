"""What checkpoints cost: the pause of the context, the way back, and the memory of a parked copy."""

import statistics
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.figures.copies import SMALL, SUBJECTS, Subject, floor, subjects
from benchmarks.report import NOT_BUILT, Row, mb, ms
from benchmarks.stats import Blocks, Sample, alternate

PAUSE_S: Final = 0.1  # before each sample: the copy before it ends
TAKEN_S: Final = 0.010
RESTORED_S: Final = 0.010
PARKED: Final = 8
PARKED_BYTES: Final = 2.5e6


async def checkpoints(bench: Bench) -> list[Row]:
    """Measure checkpoints of three contexts, and restores, each from the request to its answer; n = starts of each.

    Then the private memory of eight parked copies of a small context, each of which an execution has followed.
    """
    if not bench.has_state:
        return [Row(figure="checkpoints", what="checkpoints", measured=NOT_BUILT, met=False)]
    rows = []
    async with AsyncExitStack() as stack:
        pid, client, contexts = await subjects(bench, stack)
        for subject in SUBJECTS:
            rows += await _measured(bench, client, contexts[subject.name], subject)
        rows.append(await _parked(client, contexts[SMALL.name], pid))
    return rows


async def _take(client: Client, context: str) -> float:
    await client.execute()  # elsewhere: the processor is awake
    took, made = await client.ask("POST", f"/context/{context}/checkpoints", {})
    await client.ask("DELETE", f"/context/{context}/checkpoints/{made['id']}")
    return took


async def _restore(client: Client, context: str, checkpoint: str, *, runs: bool = False) -> float:
    """Return the time of a restore; with ``runs``, to the end of `pass` after it."""
    await client.execute()
    start = time.perf_counter()
    await client.ask("POST", f"/context/{context}/restore", {"checkpoint": checkpoint})
    if runs:
        await client.execute("pass", context)
    return time.perf_counter() - start


async def _measured(bench: Bench, client: Client, context: str, subject: Subject) -> list[Row]:
    _, kept = await client.ask("POST", f"/context/{context}/checkpoints", {})
    sides: dict[str, Sample] = {
        "checkpoint": partial(_take, client, context),
        "restore": partial(_restore, client, context, kept["id"]),
        "restore and `pass`": partial(_restore, client, context, kept["id"], runs=True),
        "os.fork": floor(client, context),
    }
    blocks = await alternate(sides, turns=bench.scale.starts, samples=1, pause_s=PAUSE_S)
    await client.ask("DELETE", f"/context/{context}/checkpoints/{kept['id']}")
    return [
        _row(f"take a checkpoint: the context's pause, {subject.name}, p50", TAKEN_S, "checkpoint", blocks),
        _row(f"restore a checkpoint, {subject.name}, p50", RESTORED_S, "restore", blocks),
    ]


def _row(what: str, limit_s: float, side: str, blocks: dict[str, Blocks]) -> Row:
    return Row(
        figure="checkpoints",
        what=what,
        target=f"≤ {ms(limit_s)}",
        measured=ms(blocks[side].p50),
        reference=f"`os.fork` in its process {ms(blocks['os.fork'].p50)}",
        ratio=blocks[side].ratio_to(blocks["os.fork"]),
        met=blocks[side].p50 <= limit_s,
        value=blocks[side].p50,
        unit="s",
        references={"os.fork": blocks["os.fork"].p50},
        values={name: block.milliseconds() for name, block in blocks.items()},
    )


async def _parked(client: Client, context: str, daemon: int) -> Row:
    await proc.settled(daemon)
    before = set(proc.below(daemon))
    for _ in range(PARKED):
        await client.ask("POST", f"/context/{context}/checkpoints", {})
        await client.execute("x = 2", context)
    await proc.settled(daemon)
    copies = [proc.uss(pid) for pid in set(proc.below(daemon)) - before]
    _, told = await client.ask("GET", f"/context/{context}/checkpoints")
    each = statistics.median(copies) if copies else 0
    said = statistics.median(it["memoryBytes"] for it in told["checkpoints"])
    return Row(
        figure="checkpoints",
        what=f"private memory of a parked checkpoint, {SMALL.name}, median of {PARKED}",
        target=f"≤ {mb(PARKED_BYTES)}",
        measured=mb(each),
        reference=f"the daemon says {mb(said)}",
        met=0 < each <= PARKED_BYTES and len(copies) == PARKED,
        value=each,
        unit="bytes",
        references={"as the daemon says": said},
        values={"uss_bytes": copies},
    )
