"""How fast output arrives, whole: many lines, and large writes."""

import asyncio
import subprocess
from collections.abc import Callable
from functools import partial

from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.report import Row, mb
from benchmarks.servers import BenchmarkError, environment
from benchmarks.stats import Blocks, alternate

LINES = 200_000
LINE_BYTES = 100
WRITES = 1_600
WRITE_BYTES = 1 << 16
# Made in advance, so that only printing is timed; all lines differ, so that swapped lines show.
MAKE_LINES = f"lines = [f'{{i:0{LINE_BYTES - 1}d}}' for i in range({LINES})]"
PRINT_LINES = "for line in lines: print(line)"
MAKE_BLOCK = f"import os, sys; block = 'x' * {WRITE_BYTES}; raw = block.encode()"
WRITE_BLOCKS = f"for i in range({WRITES}): sys.stdout.write(block)"
WRITE_RAW = f"for i in range({WRITES}): os.write(1, raw)"
BY_LINE = "import sys; sys.stdout.reconfigure(line_buffering=True)"
SWITCHING_LINES = 3_000  # on each stream
SWITCHES = 2 * SWITCHING_LINES
ALTERNATE = f"for i in range({SWITCHING_LINES}): print(i); print(i, file=sys.stderr)"
ONE_STREAM = f"for i in range({SWITCHING_LINES}): print(i); print(i)"
SIDES = {"alternating": ALTERNATE, "one stream": ONE_STREAM}
_TIMED = """
import sys, time
start = time.perf_counter()
{write}
end = time.perf_counter()
"""
_FLOOR = """
import time
{prepare}
start = time.perf_counter()
{write}
import sys
sys.stdout.flush()
sys.stderr.write(str(time.perf_counter() - start))
"""


def floor_seconds(python: str, prepare: str, write: str) -> float:
    """Return the seconds that ``write`` takes in ``python`` whose stdout is a pipe to ``cat >/dev/null``."""
    cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert cat.stdin is not None
    code = _FLOOR.format(prepare=prepare, write=write)
    done = subprocess.run(
        [python, "-I", "-S", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=cat.stdin,
        stderr=subprocess.PIPE,
        check=True,
        env=environment(),
    )
    cat.stdin.close()
    cat.wait()
    return float(done.stderr)


def by_line_seconds(python: str, prepare: str, write: str) -> float:
    """Return the seconds that ``write`` takes in ``python`` whose stdout is /dev/null and gets each line at once.

    This is the least time of any design in which a crash loses no line that was printed.
    """
    code = _FLOOR.format(prepare=f"{prepare}\n{BY_LINE}", write=write)
    done = subprocess.run(
        [python, "-I", "-S", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        env=environment(),
    )
    return float(done.stderr)


async def bytes_per_s(client: Client, context: str, code: str, expected: str) -> float:
    """Return how fast the output of ``code`` comes, connect to ``completed``; it must be ``expected``."""
    pieces, seconds = await client.output(code, context)
    text = "".join(pieces)
    if text != expected:
        same = next((i for i, (a, b) in enumerate(zip(text, expected, strict=False)) if a != b), len(text))
        raise BenchmarkError(f"{code!r}: {len(text)} characters of {len(expected)}; the first {same} are right")
    return len(expected) / seconds


async def _turns(
    bench: Bench, client: Client, prepare: str, writes: dict[str, str], expected: str, *, by_line: bool = False
) -> dict[str, Blocks]:
    """Return bytes a second of each of ``writes``, whose output must be ``expected``, and of floors of the first."""
    context = await client.create()
    await client.execute(prepare, context)

    async def floor(seconds_of: Callable[[str, str, str], float]) -> float:
        write = next(iter(writes.values()))
        return len(expected) / await asyncio.to_thread(seconds_of, bench.python, prepare, write)

    floors = {"floor": partial(floor, floor_seconds)}
    if by_line:
        floors["by_line"] = partial(floor, by_line_seconds)
    sides = {name: partial(bytes_per_s, client, context, code, expected) for name, code in writes.items()}
    return await alternate({**sides, **floors}, turns=3 if bench.scale.quick else 10, samples=1, pause_s=0.1, warm_up=1)


def _values(sides: dict[str, Blocks], size: int) -> dict[str, object]:
    return {"bytes": size, **{f"{name}_bytes_per_s": blocks.samples for name, blocks in sides.items()}}


def expected_lines() -> str:
    """Return the output of ``PRINT_LINES``."""
    return "".join(f"{i:0{LINE_BYTES - 1}d}\n" for i in range(LINES))


async def lines(bench: Bench) -> list[Row]:
    """Measure 200,000 × ``print`` of 100 bytes, connect to ``completed``, every byte compared.

    Floors: in blocks to a pipe to cat; line by line to /dev/null. n = turns of one run each. The client decodes frames
    while it measures, and compares afterwards.
    """
    expected = expected_lines()
    async with bench.daemon() as (_, client):
        sides = await _turns(bench, client, MAKE_LINES, {"daemon": PRINT_LINES}, expected, by_line=True)
    ratio, rate, by_line = sides["daemon"].ratio_to(sides["floor"]), sides["daemon"].p50, sides["by_line"].p50
    return [
        Row(
            figure="lines",
            what=f"{LINES:,} lines of {LINE_BYTES} bytes, all there",
            target="≥ 90 MB/s and ≥ 0.25 × print to a pipe",
            measured=f"{mb(rate)}/s",
            reference=f"pipe to cat {mb(sides['floor'].p50)}/s; line by line to /dev/null {mb(by_line)}/s",
            ratio=ratio,
            met=rate >= 90e6 and ratio >= 0.25,
            value=rate,
            unit="bytes/s",
            references={"pipe to cat": sides["floor"].p50, "line by line to /dev/null": by_line},
            values=_values(sides, len(expected)),
        )
    ]


async def blocks(bench: Bench) -> list[Row]:
    """Measure 1,600 writes of 64 KiB (104.9 MB), connect to ``completed``, every byte compared; floor: a pipe to cat.

    n = turns of one run each, by ``sys.stdout.write`` and by ``os.write(1, …)``.
    """
    expected = "x" * (WRITES * WRITE_BYTES)
    async with bench.daemon() as (_, client):
        writes = {"daemon": WRITE_BLOCKS, "raw": WRITE_RAW}
        sides = await _turns(bench, client, MAKE_BLOCK, writes, expected)
    rows = []
    for name, how in (("daemon", "sys.stdout.write"), ("raw", "os.write(1, …)")):
        rate = sides[name].p50
        rows.append(
            Row(
                figure="blocks",
                what=f"{WRITES * WRITE_BYTES / 1e6:.0f} MB in 64 KiB writes by `{how}`, all there",
                target="≥ 250 MB/s",
                measured=f"{mb(rate)}/s",
                reference=f"`sys.stdout.write` to a pipe to cat {mb(sides['floor'].p50)}/s",
                ratio=sides[name].ratio_to(sides["floor"]),
                met=rate >= 250e6,
                value=rate,
                unit="bytes/s",
                references={"pipe to cat": sides["floor"].p50},
                values=_values({name: sides[name], "floor": sides["floor"]}, len(expected)),
            )
        )
    return rows


async def seconds(client: Client, context: str, write: str) -> float:
    """Return how long ``write`` takes, as the program itself sees it."""
    await client.post(_TIMED.format(write=write), context)
    return float(await client.post("print(end - start)", context))


async def switches(bench: Bench) -> list[Row]:
    """Measure the cost of a change between stdout and stderr: 3,000 lines on each in turn, or all on one.

    n = turns of one run each; seconds are the program's own, in a ``POST /execute``, whose client is not waited for.
    """
    expected = "".join(f"{i}\n{i}\n" for i in range(SWITCHING_LINES))
    async with bench.daemon() as (_, client):
        context = await client.create()
        pieces, _ = await client.output(_TIMED.format(write=ALTERNATE), context, ("stdout", "stderr"))
        if "".join(pieces) != expected:
            raise BenchmarkError("the order of stdout and stderr is not kept")
        sides = await alternate(
            {name: partial(seconds, client, context, code) for name, code in SIDES.items()},
            turns=3 if bench.scale.quick else 10,
            samples=1,
            pause_s=0.1,
            warm_up=1,
        )
    each_s = (sides["alternating"].p50 - sides["one stream"].p50) / SWITCHES
    return [
        Row(
            figure="switches",
            what=f"{SWITCHING_LINES:,} lines on stdout and stderr in turn, in order: a change, beyond the write",
            target="≤ 20 µs",
            measured=f"{each_s * 1e6:.1f} µs",
            reference=f"a line {sides['one stream'].p50 / SWITCHES * 1e6:.1f} µs",
            ratio=sides["alternating"].ratio_to(sides["one stream"]),
            met=each_s <= 20e-6,
            value=each_s,
            unit="s",
            references={"a line": sides["one stream"].p50 / SWITCHES},
            values={f"{name.replace(' ', '_')}_s": blocks.samples for name, blocks in sides.items()},
        )
    ]
