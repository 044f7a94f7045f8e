"""Contexts that are forked, kept, undone, archived and put to sleep, while workers, copies and templates are killed."""

import asyncio
import contextlib
import os
import random
import signal
import time
from pathlib import Path

from templates import templates

from benchmarks import proc
from soak.report import Phase
from soak.striker import Striker
from soak.watch import Watched, watched

CLIENTS = 8
TEMPLATE_EVERY_S = 6.0
WIND_DOWN_S = 60.0


async def state(seconds: float, seed: str, directory: Path) -> list[Phase]:
    """Soak a daemon that spawns its workers for one half of the time, and one that forks them for the other."""
    phases = []
    for launcher in ("spawn", "fork"):
        phase = Phase(f"state, --launcher {launcher}, {seconds / 2:.0f} s, {CLIENTS} clients")
        phases.append(phase)
        kept = directory / f"state-{launcher}"
        flags = ("--launcher", launcher, "--state-dir", str(kept), "--max-contexts", "1000")
        async with watched(phase, directory, *flags) as it:
            await _use_once(it)
            await _run(it, seconds / 2, f"{seed} {launcher}")
            phase.expect(not _archives(kept), f"files of deleted archives are left: {_archives(kept)}")
    return phases


async def _use_once(it: Watched) -> None:
    """Do everything once: what exists only once from then on is no leak."""
    context = await it.client.create()
    for verb in ("fork", "checkpoints", "undo", "archive", "hibernate"):
        await it.client.request("POST", f"/context/{context}/{verb}", json={})
    for found in (await it.client.request("GET", "/context"))[1]["contexts"]:
        await it.client.request("DELETE", f"/context/{found['id']}")
    for found in (await it.client.request("GET", "/archives"))[1]["archives"]:
        await it.client.request("DELETE", f"/archives/{found['archiveId']}")
    await proc.settled(it.pid, 5)
    it.descriptors, it.processes = proc.descriptors(it.pid), len(proc.below(it.pid))


async def _run(it: Watched, seconds: float, seed: str) -> None:
    until = time.monotonic() + seconds
    clients = [
        Striker(it.client, it.phase, random.Random(f"{seed} {number}"), f"soak-{it.pid}-{number}")
        for number in range(CLIENTS)
    ]
    acting = [asyncio.create_task(client.act_until(until)) for client in clients]
    acting.append(asyncio.create_task(_strike_templates(it, random.Random(f"{seed} templates"), until)))
    done, late = await asyncio.wait(acting, timeout=seconds + WIND_DOWN_S)
    for task in late:
        task.cancel()
    it.phase.expect(not late, f"{len(late)} clients still wait for an answer")
    for task in done:
        if (error := task.exception()) is not None:
            it.phase.expect(False, f"a client failed: {error!r}")
    await proc.settled(it.pid, 5)


async def _strike_templates(it: Watched, chooser: random.Random, until: float) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(chooser.uniform(0, 2 * TEMPLATE_EVERY_S))
        for pid in templates(it.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                it.phase.count("faults", "template killed")


def _archives(directory: Path) -> list[str]:
    return [str(it.relative_to(directory)) for it in directory.rglob("*") if it.is_file() and it.stat().st_size > 4096]
