"""What E2B's Python SDK needs for ``run_code``, a context and a figure, against a bare server that answers at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.report import Row, ms
from benchmarks.servers import ROOT, BenchmarkError, environment
from benchmarks.stats import Blocks, Sample, alternate

PYTHON: Final = ROOT / ".venv-clients" / "bin" / "python"
PROGRAM: Final = Path(__file__).parents[1] / "e2b_client.py"
PAUSE_S: Final = 0.05  # after a context: the pool starts the next worker


async def e2b(bench: Bench) -> list[Row]:
    """Measure E2B's SDK in a process of its own, with the daemon and the bare server in turns.

    n = turns × samples of each for ``pass``; turns × a quarter of samples for a context; turns for a figure, warm.
    """
    scale = bench.scale
    async with AsyncExitStack() as stack:
        daemon, _ = await stack.enter_async_context(bench.daemon(python=bench.packed_python))
        floor, _ = await stack.enter_async_context(bench.echo())
        sdk = await stack.enter_async_context(_sdk())
        passes = await alternate(
            {"daemon": sdk.sample(daemon.url, "pass"), "bare": sdk.sample(floor.url, "pass")},
            turns=scale.turns,
            samples=scale.samples,
        )
        creates = await alternate(
            {"daemon": sdk.sample(daemon.url, "create"), "bare": sdk.sample(floor.url, "create")},
            turns=scale.turns,
            samples=scale.samples // 4,
            pause_s=PAUSE_S,
        )
        await sdk.sample(daemon.url, "import")()
        figures = await alternate({"daemon": sdk.sample(daemon.url, "figure")}, turns=scale.turns, samples=1)
    return [
        _row('`run_code("pass")` by E2B\'s SDK, p50', passes, 5e-3, 1.3),
        _row("`create_code_context()` by E2B's SDK, p50", creates, 15e-3, None),
        _row("a small figure by E2B's SDK, warm, p50", figures, 145e-3, None),
    ]


def _row(what: str, blocks: dict[str, Blocks], limit_s: float, limit: float | None) -> Row:
    daemon, bare = blocks["daemon"], blocks.get("bare")
    ratio = None if bare is None else daemon.ratio_to(bare)
    met = daemon.p50 <= limit_s and (limit is None or ratio is None or ratio <= limit)
    return Row(
        figure="e2b",
        what=what,
        target=f"≤ {limit_s * 1e3:g} ms" + (f", and ≤ {limit} × a bare server's" if limit is not None else ""),
        measured=ms(daemon.p50),
        reference="" if bare is None else f"bare server {ms(bare.p50)}",
        ratio=ratio,
        met=met,
        value=daemon.p50,
        unit="s",
        references={} if bare is None else {"bare server": bare.p50},
        values={name: side.milliseconds() for name, side in blocks.items()},
    )


class _Sdk:
    """The process with the SDK."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def sample(self, url: str, name: str) -> Sample:
        """Return a sample of ``e2b_client`` with the server at ``url``."""

        async def take() -> float:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{url} {name}\n".encode())
            line = await self._process.stdout.readline()
            if not line:
                raise BenchmarkError(f"E2B's SDK has failed with {url}")
            return float(line)

        return take


@asynccontextmanager
async def _sdk() -> AsyncIterator[_Sdk]:
    if not PYTHON.exists():
        raise BenchmarkError("E2B's SDK is not installed: make clients")
    process = await asyncio.create_subprocess_exec(
        str(PYTHON),
        str(PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        yield _Sdk(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
