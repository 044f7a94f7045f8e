"""Twenty tenants with ten contexts each, all at once: quotas, fairness, foreign ids and metrics."""

import asyncio
from pathlib import Path
from typing import Final

from harness import COMMAND, Daemon
from tenancy import write_tokens
from tenant_load import load_of, tables

from soak.report import Phase

TENANTS: Final = 20
CONTEXTS_EACH: Final = 10
RUNNING: Final = 16
RUNNING_EACH: Final = 4


async def tenants(seconds: float, seed: str, directory: Path) -> list[Phase]:
    """Load a daemon with all tenants for ``seconds``; look whether each gets what is its own, and no more."""
    phase = Phase(f"{TENANTS} tenants with {CONTEXTS_EACH} contexts each, {seconds:g} s")
    names = [f"tenant{number:02}" for number in range(TENANTS)]
    roles = {name: f"tenant {name}" for name in names}
    path = directory / "tokens"
    tokens = await asyncio.to_thread(
        write_tokens, path, tables(names, CONTEXTS_EACH, RUNNING_EACH), monitor="read", **roles
    )
    daemon = Daemon([str(COMMAND)], ("--token-file", str(path), "--max-running", str(RUNNING)), directory, {})
    await daemon.start()
    try:
        load = load_of(daemon.url, tokens, names, CONTEXTS_EACH, seed)
        await load.run(seconds)
        phase.violations += load.broken() + load.starved()
        phase.violations += [f"metrics: {it}" for it in await load.miscounted(tokens.headers("monitor"))]
        for it in load.tenants:
            phase.counts["executions"].update(it.ended)
            phase.seconds["p95 of the time in the queue, by tenant"].append(it.p95_s)
    finally:
        await daemon.stop()
    return [phase]
