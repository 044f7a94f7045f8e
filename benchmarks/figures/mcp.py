"""The MCP server on stdin and stdout, against a server of the same SDK whose tool does nothing."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.report import Row, ms
from benchmarks.servers import BenchmarkError, environment
from benchmarks.stats import Blocks, Sample, alternate

EMPTY: Final = (sys.executable, str(Path(__file__).parents[1] / "empty_mcp.py"))
OURS: Final = (sys.executable, "-P", "-m", "interpreterd", "mcp")
CALL_LIMIT: Final = 1.5
START_LIMIT: Final = 1.2
INITIALIZE: Final = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}


async def mcp_calls(bench: Bench) -> list[Row]:
    """Measure ``run_python("pass")`` through the SDK's client, against the empty tool. n = turns × samples of each."""
    async with AsyncExitStack() as stack:
        daemon, _ = await stack.enter_async_context(bench.daemon(python=bench.packed_python))
        ours = await stack.enter_async_context(_calling((*OURS, "--url", daemon.url), "run_python", {"code": "pass"}))
        empty = await stack.enter_async_context(_calling(EMPTY, "empty", {}))
        sides = {"run_python": ours, "empty tool": empty}
        blocks = await alternate(sides, turns=bench.scale.turns, samples=bench.scale.samples)
    return [_row("mcp", '`run_python("pass")` by MCP, p50', blocks, CALL_LIMIT)]


async def mcp_start(bench: Bench) -> list[Row]:
    """Measure a start, from the process to the answer to ``initialize``, against the empty server's. n = starts."""
    sides = {"run_python": _start((*OURS, "--local")), "empty tool": _start(EMPTY)}
    blocks = await alternate(sides, turns=bench.scale.starts, samples=1, warm_up=1)
    return [_row("mcp-start", "`interpreterd mcp` answers `initialize`, p50", blocks, START_LIMIT)]


def _row(figure: str, what: str, blocks: Mapping[str, Blocks], limit: float) -> Row:
    ours, empty = blocks["run_python"], blocks["empty tool"]
    ratio = ours.ratio_to(empty)
    return Row(
        figure=figure,
        what=what,
        target=f"≤ {limit} × an empty server of the SDK",
        measured=ms(ours.p50),
        reference=f"empty {ms(empty.p50)}",
        ratio=ratio,
        met=ratio <= limit,
        value=ours.p50,
        unit="s",
        references={"empty server of the SDK": empty.p50},
        values={name: side.milliseconds() for name, side in blocks.items()},
    )


@asynccontextmanager
async def _calling(command: tuple[str, ...], tool: str, arguments: dict[str, Any]) -> AsyncIterator[Sample]:
    """Yield a sample that calls a tool of the server that ``command`` starts."""
    try:
        from mcp import Client, StdioServerParameters
    except ImportError:
        raise BenchmarkError("the MCP SDK is not installed: pip install 'interpreterd[mcp]'") from None

    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=environment())
    async with Client(parameters) as client:

        async def call() -> float:
            began = time.perf_counter()
            result = await client.call_tool(tool, arguments)
            taken = time.perf_counter() - began
            if result.is_error:
                raise BenchmarkError(f"{tool} has failed: {result.content}")
            return taken

        yield call


def _start(command: tuple[str, ...]) -> Sample:
    async def start() -> float:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
            if b'"id":1' not in await process.stdout.readline():
                raise BenchmarkError(f"{' '.join(command)} has not answered")
            return time.perf_counter() - began
        finally:
            process.stdin.close()
            await process.wait()

    return start
