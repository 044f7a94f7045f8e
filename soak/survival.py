"""Persistent contexts whose daemon is killed again and again: what was acknowledged is there when it starts again."""

import asyncio
import contextlib
import random
import sys
import time
from pathlib import Path

import aiohttp
import orjson
from attrs import define, field
from harness import Client, Daemon, gone

from benchmarks import proc
from soak.branch import Log
from soak.report import Phase
from soak.watch import COMMAND

CONTEXTS = 6
LIFE_S = 2.5  # of a daemon, at most
PATIENCE_S = 60.0
STEP = "log = globals().get('log', []); log.append({number}); print(log)"
FLAGS = ("--persistent", "--archive-after-s", "0.2")


@define
class Sleeper:
    """A persistent context.

    Attributes:
        is_safe: Whether a client was told that it is on the disk.
        logs: What may be in it after the daemon's death: the latest state that is certainly on the disk, and all later
            ones, in order.
    """

    id: str
    is_safe: bool = False
    logs: list[Log] = field(factory=lambda: [()])


async def survival(seconds: float, seed: str, directory: Path) -> list[Phase]:
    """Kill the daemon at random moments, while its contexts execute and are archived, and look what it has then."""
    phase = Phase(f"survival, {seconds:.0f} s, {CONTEXTS} contexts")
    chooser = random.Random(f"{seed} survival")
    sleepers: list[Sleeper] = []
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        flags = ("--python", sys.executable, "--state-dir", str(directory / "state"), *FLAGS)
        daemon = Daemon([str(COMMAND)], flags, directory, {})
        start = time.monotonic()
        await daemon.start()
        phase.seconds["start of the daemon"].append(time.monotonic() - start)
        try:
            async with asyncio.timeout(PATIENCE_S), Client(daemon.url) as client:
                sleepers = await _found(client, phase, sleepers)
                dying = asyncio.create_task(_die(daemon, phase, chooser.random() * LIFE_S))
                with contextlib.suppress(aiohttp.ClientError, AssertionError, OSError, ValueError):
                    while not dying.done():
                        number += 1
                        await _act(client, phase, chooser, sleepers, number)
                await dying
        except TimeoutError:
            phase.expect(False, "no end")
        finally:
            with contextlib.suppress(ProcessLookupError):
                daemon.process.kill()
            await daemon.ended()
    return [phase]


async def _die(daemon: Daemon, phase: Phase, after_s: float) -> None:
    await asyncio.sleep(after_s)
    below = proc.below(daemon.pid)
    daemon.process.kill()
    await gone(*below)
    phase.count("faults", "daemon killed")


async def _found(client: Client, phase: Phase, sleepers: list[Sleeper]) -> list[Sleeper]:
    """Return the contexts that a new daemon has; those that were on the disk for certain must be among them."""
    status, told = await client.request("GET", "/contexts")
    phase.expect(status == 200, f"no list: {told}")
    states = {it["id"]: it["state"] for it in told["contexts"]}
    for it in sleepers:
        phase.expect(not it.is_safe or states.get(it.id) == "hibernating", f"after the daemon's death: {it}, {states}")
    kept = [it for it in sleepers if it.id in states]
    for it in kept:
        result = await client.run("print(globals().get('log', []))", it.id)
        log = tuple(orjson.loads(result.stdout or "null") or ())
        allowed = it.logs if it.is_safe else [(), *it.logs]
        phase.expect(result.error is None and log in allowed, f"woken: {log} {result.messages}, model {it}")
        phase.count("woken", "with its latest state" if log == it.logs[-1] else "with an earlier state")
        it.logs = [log]
    return kept


async def _act(client: Client, phase: Phase, chooser: random.Random, sleepers: list[Sleeper], number: int) -> None:
    if len(sleepers) < CONTEXTS:
        sleepers.append(Sleeper(await client.create()))
    it = chooser.choice(sleepers)
    kind = chooser.choice(("step", "step", "step", "hibernate", "delete"))
    if kind == "step":
        it.logs.append((*it.logs[-1], number))  # before it is sent: the daemon may die before it answers
        result = await client.run(STEP.format(number=number), it.id)
        if result.error is not None or "completed" not in result.controls:
            return
        phase.expect(tuple(orjson.loads(result.stdout)) == it.logs[-1], f"{result.stdout}, model {it}")
    elif kind == "hibernate":
        status, told = await client.request("POST", f"/context/{it.id}/hibernate")
        phase.expect(status == 200, f"it does not hibernate: {told}")
        if status == 200:
            it.is_safe, it.logs = True, it.logs[-1:]
    elif chooser.random() < 0.3:
        sleepers.remove(it)
        await client.request("DELETE", f"/context/{it.id}")
    phase.count("acts", kind)
