"""What a figure is given: how much to measure, and the processes to measure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import field, frozen

from benchmarks import servers
from benchmarks.client import Client, client
from benchmarks.servers import INSTALLED, Program, Server

PRELOADED: Final = "numpy,pandas"


@frozen(kw_only=True)
class Scale:
    """How much to measure.

    Attributes:
        turns: The number of turns of each side, for work of about a millisecond.
        samples: Samples in such a turn.
        starts: Samples of each side for work that starts a process.
        seconds: Length of a turn of a rate, and of the wait for an idle daemon.
        crowds: Numbers of contexts, rising, at which memory is measured.
        forked_crowd: The largest number of contexts to try with the fork launcher.
        dormant: Contexts of which all but ``awake`` hibernate.
        listed: Contexts that exist while they are listed.
        probes: Requests by which the loop's lag is seen.
        rounds: How often two trees are compared, each time with newly started daemons.
        limit_s: How long one figure may take.
    """

    quick: bool
    turns: int
    samples: int
    starts: int
    seconds: float
    crowds: tuple[int, ...]
    forked_crowd: int
    dormant: int
    awake: int
    listed: int
    probes: int
    rounds: int
    limit_s: float


QUICK: Final = Scale(
    quick=True,
    turns=6,
    samples=40,
    starts=12,
    seconds=2,
    crowds=(50,),
    forked_crowd=50,
    dormant=400,
    awake=8,
    listed=100,
    probes=150,
    rounds=12,
    limit_s=180,
)
FULL: Final = Scale(
    quick=False,
    turns=20,
    samples=100,
    starts=60,
    seconds=5,
    crowds=(50, 1000),
    forked_crowd=5000,
    dormant=10_000,
    awake=200,
    listed=1000,
    probes=600,
    rounds=24,
    limit_s=900,
)


@frozen(kw_only=True)
class Pair:
    """A daemon, its floor, and a client of each."""

    daemon: Server
    client: Client
    floor: Server
    floor_client: Client


@frozen(kw_only=True)
class Bench:
    """One run.

    Attributes:
        directory: For logs and as the contexts' working directory; removed at the end.
        python: The workers' interpreter, and the floors'.
        packed_python: The same, with packages to be imported.
        help: The output of ``interpreterd serve --help``.
        program: The daemon.
    """

    scale: Scale
    directory: Path
    python: str
    packed_python: str
    help: str = field(repr=False)
    program: Program = INSTALLED

    @property
    def fork_flags(self) -> tuple[str, ...] | None:
        """The flags of the fork launcher, or None if this daemon has none."""
        return ("--launcher", "fork") if "--launcher" in self.help else None

    @property
    def preload_flags(self) -> tuple[str, ...] | None:
        """The flags for workers that have imported ``PRELOADED``, or None if this daemon cannot."""
        if "--preload" not in self.help:
            return None
        return (*(self.fork_flags or ()), "--preload", PRELOADED)

    @property
    def has_state(self) -> bool:
        """Whether this daemon has forks, checkpoints and archives."""
        return "--state-dir" in self.help and "--checkpoints" in self.help

    @asynccontextmanager
    async def daemon(
        self, *flags: str, python: str | None = None, probed: bool = False
    ) -> AsyncIterator[tuple[Server, Client]]:
        """Start a daemon of its own for a figure, and run something in its default context."""
        daemon = servers.daemon(self.directory, self.program, python or self.python, *flags, probed=probed)
        async with daemon as server, client(server) as speaker:
            await speaker.execute()
            yield server, speaker

    @asynccontextmanager
    async def echo(self) -> AsyncIterator[tuple[Server, Client]]:
        """Start an echo server."""
        async with servers.echo(self.directory) as server, client(server) as speaker:
            yield server, speaker

    @asynccontextmanager
    async def pair(self, *flags: str, probed: bool = False) -> AsyncIterator[Pair]:
        """Start a daemon and its floor."""
        async with self.daemon(*flags, probed=probed) as (daemon, speaker), self.echo() as (floor, floor_speaker):
            yield Pair(daemon=daemon, client=speaker, floor=floor, floor_client=floor_speaker)
