"""The cost of creating a context: alone, without end, and with preloaded packages."""

import asyncio
import subprocess
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from benchmarks.bench import PRELOADED, Bench
from benchmarks.client import Client
from benchmarks.report import NOT_BUILT, Row, ms
from benchmarks.servers import environment
from benchmarks.stats import Blocks, Sample, alternate

PAUSE_S = 0.25  # before each sample: the pool refills, deleted contexts end
WAKING = 3
AT_ONCE = 4
IMPORT = f"import {PRELOADED.replace(',', ', ')}"


def start_python(python: str, code: str = "pass", *flags: str) -> float:
    """Return the seconds that ``python *flags -c code`` takes, start to end."""
    start = time.perf_counter()
    subprocess.run([python, *flags, "-c", code], check=True, env=environment(), stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


async def bare_python(python: str) -> float:
    """Return the seconds of a bare Python's start and end, the second of two in a row: the floor."""
    start_python(python, "pass", "-I", "-S")
    return start_python(python, "pass", "-I", "-S")


def creation(client: Client, code: str = "pass") -> Sample:
    """Return a sample: create a context and run ``code`` in it, to the close frame; it is deleted afterwards.

    Before it come executions elsewhere that are not timed: after a pause, the first milliseconds of whatever one does
    are those of a processor that has slept.
    """

    async def sample() -> float:
        for _ in range(WAKING):
            await client.execute()
        start = time.perf_counter()
        context = await client.create()
        await client.execute(code, context)
        end = time.perf_counter()
        await client.delete(context)
        return end - start

    return sample


async def create(bench: Bench) -> list[Row]:
    """Measure creating a context and running ``pass`` in it, by either launcher, against the start of a bare Python.

    n = starts of each, one at a time, ``PAUSE_S`` apart, so that the pool is full. Peer: a Jupyter kernel's start and
    first ``pass``; n = a quarter.
    """
    async with AsyncExitStack() as stack:
        sides: dict[str, Sample] = {"python": partial(bare_python, bench.python)}
        for name, flags in (("spawn", ()), ("fork", bench.fork_flags)):
            if flags is not None:
                _, client = await stack.enter_async_context(bench.daemon(*flags))
                sides[name] = creation(client)
        blocks = await alternate(sides, turns=bench.scale.starts, samples=1, pause_s=PAUSE_S)
    rows = [_create_row(name, blocks) for name in ("spawn", "fork")]
    try:
        from benchmarks.kernel import kernel
    except ImportError:
        return rows
    peer = Blocks()
    for _ in range(bench.scale.starts // 4):
        start = time.perf_counter()
        async with kernel(bench.directory) as running:
            await running.execute()
            peer.turns.append([time.perf_counter() - start])
    rows.append(
        Row(
            figure="create",
            what="peer: a Jupyter kernel's start and first `pass`, p50",
            measured=ms(peer.p50),
            reference=f"daemon, spawned {ms(blocks['spawn'].p50)}",
            ratio=peer.p50 / blocks["spawn"].p50,
            value=peer.p50,
            unit="s",
            references={"daemon": blocks["spawn"].p50},
            values=peer.milliseconds(),
        )
    )
    return rows


def _create_row(name: str, blocks: dict[str, Blocks]) -> Row:
    what = f"create a context and run `pass`, {'warm pool' if name == 'spawn' else 'forked'}, p50"
    target = "≤ 0.25 × a bare Python start"
    if name not in blocks:
        return Row(figure="create", what=what, target=target, measured=NOT_BUILT, met=False)
    ratio = blocks[name].ratio_to(blocks["python"])
    return Row(
        figure="create",
        what=what,
        target=target,
        measured=ms(blocks[name].p50),
        reference=f"`python -I -S -c pass` {ms(blocks['python'].p50)}",
        ratio=ratio,
        met=ratio <= 0.25,
        value=blocks[name].p50,
        unit="s",
        references={"bare Python": blocks["python"].p50},
        values={side: blocks[side].milliseconds() for side in (name, "python")},
    )


async def created_per_s(client: Client, count: int) -> float:
    """Return how many contexts a second are created, ``AT_ONCE`` at a time; they are deleted afterwards."""
    start = time.perf_counter()
    created = await client.create_many(count, at_once=AT_ONCE)
    took = time.perf_counter() - start
    for context in created:
        await client.delete(context)
    return len(created) / took


async def sustained(bench: Bench) -> list[Row]:
    """Measure contexts created a second, ``AT_ONCE`` requests at a time, against bare Pythons started so.

    n = 3 turns of 3 × starts contexts (at most 100), which are deleted between turns.
    """
    count = min(100, 3 * bench.scale.starts)
    rows = []
    for name, flags, least in (("spawned", (), 60), ("forked", bench.fork_flags, 200)):
        what, target = f"contexts created a second, {name}, {AT_ONCE} at once", f"≥ {least}/s"
        if flags is None:
            rows.append(Row(figure="sustained", what=what, target=target, measured=NOT_BUILT, met=False))
            continue
        async with bench.daemon(*flags) as (_, client):

            async def pythons() -> float:
                start = time.perf_counter()
                limit = asyncio.Semaphore(AT_ONCE)

                async def one() -> None:
                    async with limit:
                        await asyncio.to_thread(start_python, bench.python, "pass", "-I", "-S")

                await asyncio.gather(*(one() for _ in range(count)))
                return count / (time.perf_counter() - start)

            sides: dict[str, Sample] = {"daemon": partial(created_per_s, client, count), "python": pythons}
            blocks = await alternate(sides, turns=3, samples=1, pause_s=1, warm_up=0)
        rows.append(
            Row(
                figure="sustained",
                what=what,
                target=target,
                measured=f"{blocks['daemon'].p50:.0f}/s",
                reference=f"bare Pythons {blocks['python'].p50:.0f}/s",
                ratio=blocks["daemon"].ratio_to(blocks["python"]),
                met=blocks["daemon"].p50 >= least,
                value=blocks["daemon"].p50,
                unit="1/s",
                references={"bare Python": blocks["python"].p50},
                values={"contexts": count, **{f"{side}_per_s": blocks[side].samples for side in blocks}},
            )
        )
    return rows


async def preload(bench: Bench) -> list[Row]:
    """Measure creating a context and importing numpy and pandas in it, preloaded, against a new Python doing so.

    n = half of starts of each.
    """
    what, target = f"create a context and run `{IMPORT}`, preloaded, p50", "≤ 15 ms"

    async def python() -> float:
        return start_python(bench.packed_python, IMPORT)

    async with AsyncExitStack() as stack:
        sides: dict[str, Sample] = {"python": python}
        _, client = await stack.enter_async_context(bench.daemon(python=bench.packed_python))
        sides["spawn"] = creation(client, IMPORT)
        if bench.preload_flags is not None:
            _, client = await stack.enter_async_context(bench.daemon(*bench.preload_flags, python=bench.packed_python))
            sides["preload"] = creation(client, IMPORT)
        blocks = await alternate(sides, turns=bench.scale.starts // 2, samples=1, pause_s=PAUSE_S, warm_up=1)
    reference = f"new Python {ms(blocks['python'].p50)}; spawned, not preloaded {ms(blocks['spawn'].p50)}"
    values = {name: side.milliseconds() for name, side in blocks.items()}
    row: dict[str, Any] = {
        "figure": "preload",
        "what": what,
        "target": target,
        "reference": reference,
        "values": values,
    }
    if "preload" not in blocks:
        return [Row(**row, measured=NOT_BUILT, met=False)]
    return [
        Row(
            **row,
            measured=ms(blocks["preload"].p50),
            ratio=blocks["preload"].ratio_to(blocks["python"]),
            met=blocks["preload"].p50 <= 0.015,
            value=blocks["preload"].p50,
            unit="s",
            references={"new Python": blocks["python"].p50, "spawned, not preloaded": blocks["spawn"].p50},
        )
    ]
