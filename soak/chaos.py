"""Fifty contexts, each with a client that performs acts, right and wrong, while workers are killed at random.

A client knows what it has done to its context, and a strike from outside is recorded before it falls. So it can tell
which results an execution may have, and compares the daemon's answer with them.
"""

import asyncio
import contextlib
import itertools
import os
import random
import resource
import signal
import time
from pathlib import Path

import aiohttp
from templates import templates

from benchmarks import proc
from soak.actor import Actor
from soak.quitter import HEARTBEAT_S, Quitter
from soak.report import Phase
from soak.watch import Watched, watched

CONTEXTS = 50
QUITTERS = 4
STRIKE_EVERY_S = 0.15
STRAY_EVERY = 40  # one strike in so many hits a worker that waits in the pool
PINCH_EVERY = 80
TEMPLATE_EVERY_S = 8.0  # more often than new ones are started: for a while there is none
PINCH_S = 0.4
DEADLY = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM)
STOPPED_S = 0.3
WIND_DOWN_S = 60.0
# The journals are full early: while they fill, their memory would look like a leak.
FLAGS = (
    "--grace-s",
    "5",
    "--journals-total-bytes",
    "4M",
    "--head-timeout-s",
    "2",
    "--body-timeout-s",
    "2",
    "--heartbeat-s",
    f"{HEARTBEAT_S:g}",
)


async def chaos(seconds: float, seed: str, directory: Path) -> list[Phase]:
    """Soak a daemon that spawns its workers for one half of the time, and one that forks them for the other."""
    phases = []
    for launcher in ("spawn", "fork"):
        phase = Phase(f"chaos, --launcher {launcher}, {seconds / 2:.0f} s, {CONTEXTS} contexts")
        phases.append(phase)
        async with watched(phase, directory, "--launcher", launcher, *FLAGS) as it:
            await Chaos(it, seed, directory).run(seconds / 2)
    return phases


class Chaos:
    """The actors of one daemon, and the strikes at their workers."""

    def __init__(self, it: Watched, seed: str, directory: Path) -> None:
        self._it = it
        self._random = random.Random(f"{seed} strikes")
        self._actors = [
            Actor(it, random.Random(f"{seed} {number}"), directory / f"witness-{number}") for number in range(CONTEXTS)
        ]
        self._quitters = [Quitter(it, random.Random(f"{seed} quitter {number}")) for number in range(QUITTERS)]

    async def run(self, seconds: float) -> None:
        """Let all actors act for a while; then tidy up as a client does."""
        until = time.monotonic() + seconds
        striking = asyncio.create_task(self._strike_until(until))
        striking_templates = asyncio.create_task(self._strike_templates_until(until))
        acting = [asyncio.create_task(actor.act_until(until)) for actor in self._actors]
        acting += [asyncio.create_task(quitter.act_until(until)) for quitter in self._quitters]
        done, late = await asyncio.wait([striking, striking_templates, *acting], timeout=seconds + WIND_DOWN_S)
        for task in late:
            task.cancel()
        self._it.phase.expect(not late, f"{len(late)} clients still wait for an answer")
        for task in done:
            if task.exception() is not None:
                self._it.phase.expect(False, f"a client failed: {task.exception()!r}")
        try:
            _, body = await self._it.client.request("GET", "/contexts")
            for context in body["contexts"]:
                if context["id"] != "default":
                    await self._it.client.request("DELETE", f"/context/{context['id']}")
        except aiohttp.ClientError as error:
            self._it.phase.expect(False, f"the daemon is gone: {error!r}")

    async def _strike_until(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self._random.uniform(0, 2 * STRIKE_EVERY_S))
            if self._random.randrange(PINCH_EVERY) == 0:
                await self._pinch()
            elif self._random.randrange(STRAY_EVERY) == 0:
                self._strike_the_pool()
            else:
                await self._strike_somebody()

    async def _strike_somebody(self) -> None:
        charge = self._random.choice(self._actors).charge
        number = signal.SIGSTOP if self._random.randrange(4) == 0 else self._random.choice(DEADLY)
        with charge.struck(number) as hit:
            if hit:
                self._it.phase.count("faults", f"worker struck by {number.name}")
            if number is signal.SIGSTOP:
                await asyncio.sleep(STOPPED_S)

    def _strike_the_pool(self) -> None:
        """Kill a worker that no context has yet, or that a context is just getting."""
        below = [pid for pid in proc.below(self._it.pid) if pid not in self._it.permanent]
        self._random.shuffle(below)
        for pid in below:
            with contextlib.suppress(OSError):
                pidfd = os.pidfd_open(pid)
                try:
                    waits = os.readlink(f"/proc/{pid}/cwd") == "/"  # a context's worker has another directory
                    if waits and pid in proc.below(self._it.pid):
                        for actor in self._actors:
                            actor.charge.miss()
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                        self._it.phase.count("faults", "waiting worker killed")
                        return
                finally:
                    os.close(pidfd)

    async def _strike_templates_until(self, until: float) -> None:
        """Kill templates, or stop them for ever: a client must notice it only by a short wait for a worker."""
        numbers = itertools.cycle((signal.SIGSTOP, signal.SIGKILL))
        while time.monotonic() < until:
            await asyncio.sleep(self._random.uniform(0, 2 * TEMPLATE_EVERY_S))
            for pid in templates(self._it.pid):
                number = next(numbers)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    self._it.phase.count("faults", f"template struck by {number.name}")

    async def _pinch(self) -> None:
        """Leave the daemon no descriptors for new workers, for a moment."""
        for actor in self._actors:
            actor.charge.miss()
        before = resource.prlimit(self._it.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{self._it.pid}/fd"))
        resource.prlimit(self._it.pid, resource.RLIMIT_NOFILE, (max(used, 700), before[1]))
        self._it.phase.count("faults", "descriptors short")
        await asyncio.sleep(PINCH_S)
        resource.prlimit(self._it.pid, resource.RLIMIT_NOFILE, before)
        for actor in self._actors:
            actor.charge.miss()
