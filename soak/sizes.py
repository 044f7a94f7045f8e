"""The promises whose size is too large for the tests: interrupts, cycles, leftovers, streams."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from escaping import ESCAPES, Witness, escape
from harness import Client, Daemon, children, gone
from interrupting import storm
from streaming import AT_FULL_SPEED, IN_SIPS, Manner, stream

from soak.report import Phase
from soak.watch import COMMAND, Watched, watched

LAUNCHERS = ("spawn", "fork")
STORM_CONTEXTS = 4
GRACE_S = "10"  # a lost interrupt shows by the kill that follows it
CYCLERS = 8
CYCLE_LIMIT_S = 60.0
GONE_LIMIT_S = 1.0
ENDINGS = ("context deleted", "worker killed", "daemon killed")
LIVES = {
    "print(1)": "completed",
    "print('x' * 100_000)": "completed",
    "1 / 0": "failed",
    "import os; os._exit(1)": "died",
}
MEGA = 1_000_000
MANNERS = {
    "at full speed": AT_FULL_SPEED,
    "pausing ten times": Manner(buffer_bytes=1 << 14, pauses=10, pause_s=2.0),
    "1 KB at a time": IN_SIPS,
}
GROWTH_LIMIT_BYTES = 8 << 20


async def interrupts(executions: int, seed: str, directory: Path) -> list[Phase]:
    """Interrupt executions at random moments: see ``tests/support/interrupting.py``."""
    phases = []
    for launcher in LAUNCHERS:
        phase = Phase(f"interrupts, --launcher {launcher}")
        phases.append(phase)
        async with watched(phase, directory, "--launcher", launcher, "--grace-s", GRACE_S) as it:
            tally = await storm(it.client, executions=executions, contexts=STORM_CONTEXTS, seed=seed)
        phase.counts["executions"]["interrupted at random moments"] = tally.executions
        phase.counts["told"].update({name: count for name, count in tally.counts.items() if name.startswith("end ")})
        phase.seconds["interrupt to end"] = tally.latencies_s
        phase.violations += tally.violations
    return phases


async def cycles(count: int, seed: str, directory: Path) -> list[Phase]:
    """Create a context, execute, delete it, many times; then look for leftovers, and at the memory."""
    phases = []
    for launcher in LAUNCHERS:
        phase = Phase(f"cycles, --launcher {launcher}")
        phases.append(phase)
        async with watched(phase, directory, "--launcher", launcher) as it:
            start = time.monotonic()
            left = iter(range(count))
            async with asyncio.TaskGroup() as tasks:
                for number in range(CYCLERS):
                    tasks.create_task(_cycle(it, left, random.Random(f"{seed} {number}")))
            took = time.monotonic() - start
        phase.facts.append(f"{count:,} cycles in {took:.0f} s, {count / took:.0f} a second")
    return phases


async def _cycle(it: Watched, left: Iterator[int], chooser: random.Random) -> None:
    for _ in left:
        code = chooser.choice(list(LIVES))
        start = time.monotonic()
        try:
            async with asyncio.timeout(CYCLE_LIMIT_S):
                context = await it.client.create()
                result = await it.client.run(code, context)
                await it.client.request("DELETE", f"/context/{context}")
        except (TimeoutError, AssertionError) as error:
            it.phase.expect(False, f"a cycle failed: {error!r}")
            continue
        it.phase.seconds["cycle"].append(time.monotonic() - start)
        it.phase.count("cycles", LIVES[code])
        it.phase.expect(result.controls == ["completed"], f"{code}: {result}")


async def leftovers(directory: Path) -> list[Phase]:
    """Measure how long it takes until all processes of a context are gone, for each way to end it."""
    phase = Phase(f"leftovers, dead within {GONE_LIMIT_S:.0f} s")
    for launcher in LAUNCHERS:
        for ending in ENDINGS:
            for kind in ESCAPES:
                await _leave_behind(phase, directory, launcher, ending, kind)
    return [phase]


async def _leave_behind(phase: Phase, directory: Path, launcher: str, ending: str, kind: str) -> None:
    flags = ("--python", sys.executable, "--launcher", launcher)
    daemon = Daemon([str(COMMAND)], flags, directory, {})
    await daemon.start()
    witness = Witness(directory / f"{launcher}-{ending}-{kind}".replace(" ", "-").replace("'", ""))
    try:
        async with Client(daemon.url) as client:
            context = await client.create()
            async with client.running(escape(witness, kinds=[kind]), contextId=context) as running:
                await running.until("\n")
                worker = int(running.result.stdout)
                below = children(daemon.pid)
                start = time.monotonic()
                if ending == "context deleted":
                    await client.request("DELETE", f"/context/{context}")
                elif ending == "worker killed":
                    os.kill(worker, signal.SIGKILL)
                else:
                    daemon.process.kill()
                    await gone(*below)
                await gone(worker)
                await witness.gone()
                took = time.monotonic() - start
        phase.seconds[ending].append(took)
        phase.count("left", kind)
        phase.expect(took < GONE_LIMIT_S, f"{kind}, {ending}, --launcher {launcher}: {took:.2f} s")
    finally:
        witness.close()
        await daemon.stop()


async def streams(megabytes: int, directory: Path) -> list[Phase]:
    """Stream to clients that read in several manners, and check every byte: see ``tests/support/streaming.py``."""
    phase = Phase(f"streams of {megabytes:,} MB")
    async with watched(phase, directory) as it:
        for name, manner in MANNERS.items():
            try:
                figures = await stream(it.client.url, it.pid, size=megabytes * MEGA, manner=manner)
            except AssertionError as error:
                phase.expect(False, f"{name}: {error}")
                continue
            phase.facts.append(f"{name}: {figures}")
            phase.expect(figures.grown_bytes < GROWTH_LIMIT_BYTES, f"{name}: {figures}")
    return [phase]
