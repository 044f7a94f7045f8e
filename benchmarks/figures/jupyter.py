"""The daemon as a Jupyter Kernel Gateway, beside the Kernel Gateway with ipykernel, asked by the same client."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Final

from attrs import frozen

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.channel import Kernels
from benchmarks.client import Client
from benchmarks.gateway import gateway
from benchmarks.report import Row, mb, ms
from benchmarks.servers import Server
from benchmarks.stats import Blocks, Sample, alternate

PAUSE_S = 0.25  # before each start: the pool refills, deleted kernels end
KERNELS = 8  # of the daemon, for memory; a quarter of the gateway
PRINTED = 20_000_000
PRINT = f"line = 'x' * 99\nfor _ in range({PRINTED // 100}): print(line)"
PEER = "gateway"
SAID: Final = {PEER: "Kernel Gateway", "session": "native session"}


@frozen(kw_only=True)
class Sides:
    """The daemon, and the peer if it is installed: their processes, and clients of their kernels."""

    daemon: Server
    native: Client
    kernels: Kernels
    gateway: Server | None
    peers: Kernels | None


@asynccontextmanager
async def both(bench: Bench) -> AsyncIterator[Sides]:
    """Start a daemon, and a Kernel Gateway if it is installed."""
    async with AsyncExitStack() as stack:
        daemon, native = await stack.enter_async_context(bench.daemon())
        kernels = await stack.enter_async_context(Kernels.of(daemon))
        peer = peers = None
        if find_spec("kernel_gateway") is not None:
            peer = await stack.enter_async_context(gateway(bench.directory))
            peers = await stack.enter_async_context(Kernels.of(peer))
        yield Sides(daemon=daemon, native=native, kernels=kernels, gateway=peer, peers=peers)


async def jupyter(bench: Bench) -> list[Row]:
    """Measure a kernel's `pass`, first reply, restart and memory, and what arrives of much output, beside the peer."""
    async with both(bench) as sides:
        return [
            await _execute(bench, sides),
            await _first(bench, sides),
            await _restart(bench, sides),
            await _memory(sides),
            await _printed(sides),
        ]


async def _execute(bench: Bench, sides: Sides) -> Row:
    """Measure `pass`: on a kernel's open channel, in a native session, and on the peer's channel.

    n = turns × samples of the daemon's, a tenth as many of the peer's, in turns of their own.
    """
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(sides.kernels.channel(await sides.kernels.start()))
        session = await stack.enter_async_context(sides.native.session())
        ours: dict[str, Sample] = {"channel": channel.execute, "session": session}
        blocks = await alternate(ours, turns=bench.scale.turns, samples=bench.scale.samples, warm_up=20)
        if sides.peers is not None:
            peer = await stack.enter_async_context(sides.peers.channel(await sides.peers.start()))
            both_: dict[str, Sample] = {"channel again": channel.execute, PEER: peer.execute}
            blocks |= await alternate(both_, turns=bench.scale.turns, samples=max(1, bench.scale.samples // 10))
    ratio = blocks["channel"].ratio_to(blocks["session"])
    to_peer = blocks["channel again"].ratio_to(blocks[PEER]) if PEER in blocks else None
    return _row(
        "`pass` through a kernel's open channel, p50",
        "≤ 1.5 × the native session, ≤ 0.2 × the Kernel Gateway, ≤ 2 ms",
        blocks,
        ("channel", "session", PEER),
        met=ratio <= 1.5 and (to_peer is None or to_peer <= 0.2) and blocks["channel"].p50 <= 2e-3,
        ratio=ratio,
    )


async def _first(bench: Bench, sides: Sides) -> Row:
    """Measure from the request for a kernel to the end of its first `pass`; n = starts, a quarter of the peer's."""
    blocks = await alternate({"kernel": sides.kernels.first}, turns=bench.scale.starts, samples=1, pause_s=PAUSE_S)
    if sides.peers is not None:
        blocks |= await alternate({PEER: sides.peers.first}, turns=bench.scale.starts // 4, samples=1, warm_up=1)
    ratio = blocks["kernel"].p50 / blocks[PEER].p50 if PEER in blocks else None
    return _row(
        "a kernel's start to its first reply, p50",
        "≤ 0.02 × the Kernel Gateway, ≤ 15 ms",
        blocks,
        ("kernel", PEER),
        met=(ratio is None or ratio <= 0.02) and blocks["kernel"].p50 <= 15e-3,
        ratio=ratio,
    )


async def _restart(bench: Bench, sides: Sides) -> Row:
    """Measure from the request for a restart to the end of the first `pass` after it; n as for the start."""
    kernel = await sides.kernels.start()
    blocks = await alternate(
        {"kernel": partial(sides.kernels.restarted, kernel)}, turns=bench.scale.starts, samples=1, pause_s=PAUSE_S
    )
    if sides.peers is not None:
        restarted: Sample = partial(sides.peers.restarted, await sides.peers.start())
        blocks |= await alternate({PEER: restarted}, turns=bench.scale.starts // 4, samples=1, warm_up=1)
    ratio = blocks["kernel"].p50 / blocks[PEER].p50 if PEER in blocks else None
    return _row("a kernel's restart to its first reply, p50", "", blocks, ("kernel", PEER), met=None, ratio=ratio)


def _row(
    what: str, target: str, blocks: dict[str, Blocks], names: tuple[str, ...], *, met: bool | None, ratio: float | None
) -> Row:
    """Return the row of the first of ``names``; the others are its references."""
    mine, *others = [name for name in names if name in blocks]
    return Row(
        figure="jupyter",
        what=what,
        target=target,
        measured=ms(blocks[mine].p50),
        reference="; ".join(f"{SAID[name]} {ms(blocks[name].p50)}" for name in others),
        ratio=ratio,
        met=met,
        value=blocks[mine].p50,
        unit="s",
        references={SAID[name]: blocks[name].p50 for name in others},
        values={name: block.milliseconds() for name, block in blocks.items()},
    )


async def _memory(sides: Sides) -> Row:
    """Measure by PSS what one more kernel adds, connected, after `pass`: n = ``KERNELS``, a quarter of the peer's."""
    each = await _grown(sides.daemon, sides.kernels, KERNELS)
    peer = await _grown(sides.gateway, sides.peers, KERNELS // 4) if sides.gateway and sides.peers else None
    ratio = None if peer is None else each / peer
    return Row(
        figure="jupyter",
        what="memory that a connected kernel adds (PSS)",
        target="≤ 0.1 × the Kernel Gateway",
        measured=mb(each),
        reference="" if peer is None else f"{SAID[PEER]} {mb(peer)}",
        ratio=ratio,
        met=None if ratio is None else ratio <= 0.1,
        value=each,
        unit="bytes",
        references={} if peer is None else {SAID[PEER]: peer},
        values={"kernels": KERNELS},
    )


async def _grown(server: Server, kernels: Kernels, count: int) -> float:
    """Return the bytes that each of ``count`` kernels adds to ``server`` and all below it."""
    async with AsyncExitStack() as stack:

        async def add() -> None:
            channel = await stack.enter_async_context(kernels.channel(await kernels.start()))
            await channel.execute()

        await add()  # the cost of first use belongs to no kernel
        await proc.settled(server.pid)
        before = proc.pss([server.pid, *proc.below(server.pid)])
        for _ in range(count):
            await add()
        await proc.settled(server.pid)
        return (proc.pss([server.pid, *proc.below(server.pid)]) - before) / count


async def _printed(sides: Sides) -> Row:
    """Measure how much of 20 MB that one cell prints arrives, and how fast; n = 1."""
    async with sides.kernels.channel(await sides.kernels.start()) as channel:
        arrived, took = await channel.printed(PRINT)
    peer = None
    if sides.peers is not None:
        async with sides.peers.channel(await sides.peers.start()) as channel:
            peer, _ = await channel.printed(PRINT)
    return Row(
        figure="jupyter",
        what="20 MB printed in one cell: what arrives",
        target="all",
        measured=f"{mb(arrived)} at {mb(arrived / took)}/s",
        reference="" if peer is None else f"{SAID[PEER]} {mb(peer)}",
        met=arrived == PRINTED,
        value=arrived,
        unit="bytes",
        references={} if peer is None else {SAID[PEER]: peer},
        values={"bytes_per_s": arrived / took, "printed_bytes": PRINTED},
    )
