"""A daemon that is watched while it is soaked, and searched for leftovers afterwards."""

import asyncio
import contextlib
import os
import statistics
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from attrs import define, field
from harness import Client, Daemon, children

from benchmarks import proc
from soak import ROOT
from soak.report import Phase

COMMAND = Path(sys.executable).with_name("interpreterd")
LOGS = ROOT / "build" / "soak"  # of the daemons of the last run
HEALTH_EVERY_S = 0.1
HEALTH_LIMIT_S = 10.0  # far more than a living daemon takes on the busiest machine
RSS_EVERY_S = 0.25
STOP_LIMIT_S = 5.0
SETTLE_LIMIT_S = 10.0
GROWTH_LIMIT_BYTES = 16 << 20
GROWTH_LIMIT_RATIO = 1.15
MARK = "SOAK_MARK"  # in the environment of the daemon and of all its descendants
MIB = 1 << 20


@define
class Watched:
    """A daemon, its resources before it was soaked, and its watchers.

    Attributes:
        permanent: The pids of its guard and its template.
        rss: Its resident set size in bytes, in time.
    """

    daemon: Daemon
    client: Client
    phase: Phase
    mark: str
    temporary: Path
    log: Path
    permanent: set[int] = field(factory=set)
    rss: list[int] = field(factory=list)
    descriptors: int = 0
    processes: int = 0  # below it: forks of a template that has ended are its own children

    @property
    def pid(self) -> int:
        """The pid of its process."""
        return self.daemon.pid

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.daemon.announced["port"])

    async def check_health(self) -> None:
        """Ask ``GET /health`` for ever, on a connection of its own."""
        limit = aiohttp.ClientTimeout(total=HEALTH_LIMIT_S)
        async with aiohttp.ClientSession(timeout=limit) as http:
            while True:
                start = time.monotonic()
                try:
                    async with http.get(self.daemon.url + "/health") as response:
                        self.phase.expect(response.status == 200, f"GET /health answered {response.status}")
                        await response.read()
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.phase.expect(False, f"GET /health failed: {error!r}")
                self.phase.seconds["GET /health"].append(time.monotonic() - start)
                await asyncio.sleep(HEALTH_EVERY_S)

    async def weigh(self) -> None:
        """Measure its memory for ever."""
        while True:
            self.rss.append(proc.rss(self.pid))
            await asyncio.sleep(RSS_EVERY_S)

    async def settle(self) -> None:
        """Wait until it has no more resources than at first; whatever stays is reported as a violation."""
        await self.client.http.close()  # afterwards one connection is left, that of ``check_health``
        end = time.monotonic() + SETTLE_LIMIT_S
        if self.daemon.process.returncode is not None:
            return
        while time.monotonic() < end:
            if proc.descriptors(self.pid) <= self.descriptors and len(proc.below(self.pid)) <= self.processes:
                return
            await asyncio.sleep(0.1)
        descriptors = f"{proc.descriptors(self.pid)} descriptors, at first {self.descriptors}"
        told = f"left: {descriptors}; processes {proc.below(self.pid)}, at first {self.processes}"
        self.phase.expect(False, f"{told}; connections {connections(self.pid)}; {kinds_of_descriptors(self.pid)}")

    def judge_memory(self) -> None:
        """Compare the last third of the run with the middle one; the first one is for warming up."""
        third = len(self.rss) // 3
        if not third:
            return
        middle, last = statistics.median(self.rss[third : 2 * third]), statistics.median(self.rss[2 * third :])
        self.phase.facts.append(
            f"memory of the daemon: median {middle / MIB:.1f} MiB in the middle third, {last / MIB:.1f} in the last,"
            f" most {max(self.rss) / MIB:.1f}"
        )
        flat = last <= max(middle * GROWTH_LIMIT_RATIO, middle + GROWTH_LIMIT_BYTES)
        self.phase.expect(flat, f"memory grows: {middle / MIB:.1f} MiB, then {last / MIB:.1f} MiB")

    async def end(self) -> None:
        """End it; processes that outlive it, and mistakes in its log, are reported as violations."""
        start = time.monotonic()
        before = self.daemon.process.returncode
        self.phase.expect(before is None, f"the daemon has died: {before}")
        try:
            status = await self.daemon.stop()
        except TimeoutError:
            self.phase.expect(False, "it did not end after SIGTERM")
        else:
            took = time.monotonic() - start
            self.phase.expect(status == 0, f"it ended with status {status}")
            self.phase.expect(took < STOP_LIMIT_S, f"it took {took:.1f} s to end")
        log = self.daemon.log.decode(errors="replace")
        self.log.write_text(log)
        place = max(log.find("Traceback"), log.find("a mistake in the daemon"))
        self.phase.expect(place < 0, f"its log tells of a mistake: {log[max(0, place - 300) : place + 1500]}")
        left = marked(self.mark)
        self.phase.expect(not left, f"processes outlive the daemon: {left}")
        files = list(self.temporary.iterdir())
        self.phase.expect(not files, f"temporary files are left: {files}")


def kinds_of_descriptors(pid: int) -> dict[str, int]:
    """Return how many descriptors a process has of each kind of file."""
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return dict(Counter(link.partition(":[")[0] for link in links))


def connections(pid: int) -> list[str]:
    """Return the TCP sockets of a process: both ends in hexadecimal and the state, 01 for established; see proc(5)."""
    links = Path(f"/proc/{pid}/fd")
    inodes = {os.readlink(links / fd).removeprefix("socket:[").removesuffix("]") for fd in os.listdir(links)}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [" ".join(row[1:4]) for row in rows if row[9] in inodes]


def marked(mark: str) -> dict[int, str]:
    """Return the processes that have ``mark`` in their environment, with their commands."""
    found = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdecimal() and mark.encode() in Path(f"/proc/{entry}/environ").read_bytes():
                found[int(entry)] = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:80]
    return found


@contextlib.asynccontextmanager
async def watched(phase: Phase, directory: Path, *flags: str) -> AsyncIterator[Watched]:
    """Start a daemon, watch it during the block, then end it and look for what is left."""
    mark = uuid.uuid4().hex
    temporary = directory / mark
    temporary.mkdir()
    daemon = Daemon(
        [str(COMMAND)], ("--python", sys.executable, *flags), directory, {MARK: mark, "TMPDIR": str(temporary)}
    )
    await daemon.start()
    async with Client(daemon.url) as client:
        it = Watched(daemon, client, phase, mark, temporary, LOGS / f"{phase.name.replace(' ', '-')[:40]}.log")
        it.permanent = {children(it.pid)[0]}
        # Resources that exist only once: the template, threads, kept connections.
        contexts = [await client.create() for _ in range(4)]
        await client.run("pass")
        for context in contexts:
            await client.run("pass", context)
            await client.request("DELETE", f"/context/{context}")
        await proc.settled(it.pid, 5)
        it.permanent |= {pid for pid in children(it.pid) if children(pid)}
        it.descriptors, it.processes = proc.descriptors(it.pid), len(proc.below(it.pid))
        watchers = [asyncio.create_task(it.check_health()), asyncio.create_task(it.weigh())]
        try:
            yield it
            await it.settle()
            it.judge_memory()
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await it.end()
