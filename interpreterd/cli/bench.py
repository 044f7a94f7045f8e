"""``interpreterd bench``."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Final

import aiohttp
import click
import orjson
import uvloop
from attrs import field, frozen

from interpreterd.cli.main import echo_json
from interpreterd.cli.yardsticks import LINE_BYTES, LINES_CODE, print_lines, start_python
from interpreterd.client import LocalDaemon
from interpreterd.client.local import place_for_sockets
from interpreterd.model.names import NATIVE_PATH

NATIVE_URL: Final = f"http://localhost{NATIVE_PATH}"
LIMIT_S: Final = 300.0
LINES: Final = 50_000
PAUSE_S: Final = 0.06  # before a context is made, so that the pool can refill
EXAMPLES: Final = """\b
Examples:
  interpreterd bench             about 15 seconds
  interpreterd bench --quick     about 4
  interpreterd bench --json | jq '.[] | {name, ratio}'

Each figure is measured in turns with its floor: the lowest cost of the same work on this machine. Compare ratios, not
milliseconds, and leave the machine idle meanwhile."""
Sample = Callable[[], Awaitable[float]]


class BenchError(Exception):
    """A measured server did not do the work that is measured."""


@frozen
class Figure:
    """One figure: the daemon's work and its floor's. Each returns seconds, or bytes a second if it is a ``rate``.

    Attributes:
        samples: In one turn.
    """

    name: str
    ours: Sample
    floor_name: str
    floor: Sample
    samples: int
    rate: bool = False


@frozen
class Measured:
    """The samples of a figure, one list for each turn."""

    figure: Figure
    ours: list[list[float]] = field(factory=list)
    floor: list[list[float]] = field(factory=list)

    @property
    def ratio(self) -> float:
        """The median, over the turns, of the daemon's median to its floor's."""
        pairs = zip(self.ours, self.floor, strict=True)
        return statistics.median(statistics.median(ours) / statistics.median(floor) for ours, floor in pairs)

    def to_json(self) -> dict[str, Any]:
        """Return names, n and figures; the unit is in the key."""
        ours, floor = sorted(chain.from_iterable(self.ours)), sorted(chain.from_iterable(self.floor))
        unit, scale = ("MBPerS", 1e-6) if self.figure.rate else ("Ms", 1e3)
        return {
            "name": self.figure.name,
            "n": len(ours),
            "p50" + unit: round(statistics.median(ours) * scale, 3),
            # The slow end: of times the 99th percentile, of rates the first.
            "p99" + unit: round(ours[0 if self.figure.rate else min(len(ours) - 1, int(0.99 * len(ours)))] * scale, 3),
            "floor": self.figure.floor_name,
            "floorP50" + unit: round(statistics.median(floor) * scale, 3),
            "ratio": round(self.ratio, 2),
        }


@click.command("bench", epilog=EXAMPLES)
@click.option("--quick", is_flag=True, help="Take fewer samples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(quick: bool, as_json: bool) -> None:
    """Measure a private daemon on this machine.

    Each figure is compared with the lowest cost of the same work.
    """
    if getattr(sys, "frozen", False):
        raise click.ClickException("the single binary has no Python to measure the floors with: install the package")
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting")

        def tell(name: str, share: float) -> None:
            progress.update(task, description=name, completed=100 * share)

        try:
            measured = uvloop.run(_measure(2 if quick else 12, tell))
        except TimeoutError:
            raise click.ClickException(f"it took longer than {LIMIT_S:g} s: is this machine busy?") from None
        except (BenchError, OSError, aiohttp.ClientError) as error:
            raise click.ClickException(f"could not measure: {error}") from None
    figures = [it.to_json() for it in measured]
    if as_json:
        echo_json(figures)
    else:
        _show(figures)


def _show(figures: list[dict[str, Any]]) -> None:
    from interpreterd.cli.show import console, table

    rows = []
    for it in figures:
        unit, key = ("MB/s", "MBPerS") if "p50MBPerS" in it else ("ms", "Ms")
        numbers = [f"{it[name + key]:.3g} {unit}" for name in ("p50", "p99", "floorP50")]
        rows.append((it["name"], *numbers[:2], it["n"], it["floor"], numbers[2], f"{it['ratio']:.2f}"))
    heads = ("FIGURE", "P50", "P99", "N", "FLOOR", "FLOOR P50", "RATIO")
    console().print(table(heads, rows, right=("P50", "P99", "N", "FLOOR P50", "RATIO")))


async def _measure(turns: int, tell: Callable[[str, float], None]) -> list[Measured]:
    async with asyncio.timeout(LIMIT_S), _daemon() as daemon, _echo() as echo:
        measured = [Measured(figure) for figure in figures(daemon, echo)]
        for it in measured:  # the first samples pay for work that is done once
            await it.figure.ours()
            await it.figure.floor()
        for turn in range(turns):
            for number, it in enumerate(measured):
                tell(it.figure.name, (turn + number / len(measured)) / turns)
                sides = [(it.ours, it.figure.ours), (it.floor, it.figure.floor)]
                for samples, sample in sides if turn % 2 == 0 else reversed(sides):
                    samples.append([await sample() for _ in range(it.figure.samples)])
        return measured


def figures(daemon: aiohttp.ClientSession, echo: aiohttp.ClientSession) -> list[Figure]:
    """Return the figures to measure, with a client of each server."""

    async def execute() -> float:
        return await cycle(daemon, {"code": "pass"})

    async def bare() -> float:
        return await cycle(echo, {"type": "control", "text": "completed"})

    async def create() -> float:
        await asyncio.sleep(PAUSE_S)
        began = time.perf_counter()
        context = await _create(daemon)
        await cycle(daemon, {"code": "pass", "contextId": context})
        took = time.perf_counter() - began
        await _delete(daemon, context)
        return took

    async def start() -> float:
        return await asyncio.to_thread(start_python)

    async def lines() -> float:
        size = LINES * LINE_BYTES
        return size / await cycle(daemon, {"code": LINES_CODE.format(LINES)}, least=size)

    async def pipe() -> float:
        return await asyncio.to_thread(print_lines, LINES)

    return [
        Figure("execute pass, new WebSocket", execute, "aiohttp WebSocket echo", bare, 60),
        Figure("create a context, execute pass", create, "python -I -S -c pass", start, 4),
        Figure("lines of 100 bytes", lines, "print into a pipe", pipe, 1, rate=True),
    ]


async def cycle(server: aiohttp.ClientSession, message: Mapping[str, str], least: int = 0) -> float:
    """Return the seconds from connect to the server's close.

    The last message must say ``completed``, and all messages together must have ``least`` characters.
    """
    began = time.perf_counter()
    last, size = "", 0
    async with server.ws_connect(NATIVE_URL + "/execute", max_msg_size=0) as channel:
        await channel.send_str(orjson.dumps(message).decode())
        async for frame in channel:
            last, size = frame.data, size + len(frame.data)
    took = time.perf_counter() - began
    if orjson.loads(last or "null") != {"type": "control", "text": "completed"} or size < least:
        raise BenchError(f"{message} was answered by {size} characters, at last {last[:200]!r}")
    return took


async def _create(daemon: aiohttp.ClientSession) -> str:
    async with daemon.post(NATIVE_URL + "/context", raise_for_status=True) as response:
        return str((await response.json())["id"])


async def _delete(daemon: aiohttp.ClientSession, context: str) -> None:
    async with daemon.delete(f"{NATIVE_URL}/context/{context}", raise_for_status=True):
        pass


@asynccontextmanager
async def _daemon() -> AsyncIterator[aiohttp.ClientSession]:
    daemon = LocalDaemon()
    try:
        url = await asyncio.to_thread(daemon.start)
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(url.removeprefix("unix:"))) as session:
            yield session
    finally:
        await asyncio.to_thread(daemon.stop)


@asynccontextmanager
async def _echo() -> AsyncIterator[aiohttp.ClientSession]:
    with tempfile.TemporaryDirectory(prefix="interpreterd-bench-", dir=place_for_sockets()) as folder:
        path = os.path.join(folder, "socket")
        # -P: no module is imported from the current directory.
        command = [sys.executable, "-P", "-m", "interpreterd.cli.yardsticks", path]
        process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            if not await process.stdout.readline():
                raise BenchError("the floor's server did not start")
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
                yield session
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
