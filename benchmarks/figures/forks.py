"""What a fork of a context costs, until `pass` has run in it, against `os.fork` in the same process."""

import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.figures.copies import SMALL, SUBJECTS, Subject, floor, subjects
from benchmarks.report import NOT_BUILT, Row, ms
from benchmarks.stats import Blocks, Sample, alternate

PAUSE_S: Final = 0.1  # before each sample: the copy before it ends
AT_ONCE: Final = 16


async def forks(bench: Bench) -> list[Row]:
    """Measure forks of three contexts, one at a time, and of a small one with the fork launcher; n = starts of each.

    Then of a small one, sixteen in one request; n = turns.
    """
    if not bench.has_state:
        return [Row(figure="forks", what="forks", measured=NOT_BUILT, met=False)]
    rows = []
    async with AsyncExitStack() as stack:
        _, client, contexts = await subjects(bench, stack)
        for subject in SUBJECTS:
            rows.append(await _measured(bench, client, contexts[subject.name], subject, "spawned"))
        rows.append(await _many(bench, client, contexts[SMALL.name]))
    if bench.fork_flags is not None:
        async with bench.daemon(*bench.fork_flags) as (_, client):
            rows.append(await _measured(bench, client, await client.create(), SMALL, "forked"))
    return rows


async def _fork(client: Client, context: str) -> float:
    """Return the time from the request for a fork to the end of `pass` in it, on a new WebSocket."""
    await client.execute()  # elsewhere: the processor is awake
    start = time.perf_counter()
    _, made = await client.ask("POST", f"/context/{context}/fork", {"count": 1})
    copy = made["contexts"][0]["id"]
    await client.execute("pass", copy)
    end = time.perf_counter()
    await client.delete(copy)
    return end - start


async def _measured(bench: Bench, client: Client, context: str, subject: Subject, how: str) -> Row:
    sides: dict[str, Sample] = {"fork": partial(_fork, client, context), "os.fork": floor(client, context)}
    blocks = await alternate(sides, turns=bench.scale.starts, samples=1, pause_s=PAUSE_S)
    return Row(
        figure="forks",
        what=f"fork a context and run `pass` in the copy, {subject.name}, {how}, p50",
        target=f"≤ {ms(subject.fork_s)}",
        measured=ms(blocks["fork"].p50),
        reference=f"`os.fork` in its process {ms(blocks['os.fork'].p50)}",
        ratio=blocks["fork"].ratio_to(blocks["os.fork"]),
        met=blocks["fork"].p50 <= subject.fork_s,
        value=blocks["fork"].p50,
        unit="s",
        references={"os.fork": blocks["os.fork"].p50},
        values={side: block.milliseconds() for side, block in blocks.items()},
    )


async def _many(bench: Bench, client: Client, context: str) -> Row:
    took = Blocks()
    for _ in range(bench.scale.turns):
        seconds, made = await client.ask("POST", f"/context/{context}/fork", {"count": AT_ONCE})
        took.turns.append([seconds / AT_ONCE])
        for copy in made["contexts"]:
            await client.delete(copy["id"])
    return Row(
        figure="forks",
        what=f"each of {AT_ONCE} forks in one request, {SMALL.name}, to the answer, p50",
        target=f"≤ {ms(SMALL.fork_s)}",
        measured=ms(took.p50),
        met=took.p50 <= SMALL.fork_s,
        value=took.p50,
        unit="s",
        values=took.milliseconds(),
    )
