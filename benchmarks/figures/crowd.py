"""Many contexts at once: the memory and descriptors of each, their cost while idle, and that they still run."""

import asyncio
import random
import subprocess
from contextlib import AsyncExitStack
from typing import Any

from attrs import frozen

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.report import NOT_BUILT, Row, mb, ms
from benchmarks.servers import Server, environment
from benchmarks.stats import Blocks

AT_ONCE = 4
PEERS = 3
RANDOM_RUNS = 200
LIMITS = {"spawned": 3.5e6, "forked": 1.5e6}


@frozen(kw_only=True)
class State:
    """A daemon at rest. Sizes in bytes, CPU in ticks."""

    contexts: int
    processes: int
    pss: int
    daemon_rss: int
    daemon_fds: int


def look(server: Server, contexts: int) -> State:
    """Return the state of ``server`` and of all below it."""
    workers = proc.below(server.pid)
    return State(
        contexts=contexts,
        processes=len(workers),
        pss=proc.pss([server.pid, *workers]),
        daemon_rss=proc.rss(server.pid),
        daemon_fds=proc.descriptors(server.pid),
    )


async def crowd(bench: Bench) -> list[Row]:
    """Measure crowds of spawned and of forked contexts, in each of which ``pass`` has run; peer: Jupyter kernels.

    Memory is PSS of the daemon and of all below it, against the same daemon with its pool but without the contexts.
    n = 1 crowd of each size.
    """
    bare = _bare_python(bench.python)
    rows = await _crowds(bench, "spawned", (), bench.scale.crowds, bare)
    what, target = "memory a context adds (PSS), forked", "≤ 1.5 MB"
    if bench.fork_flags is None:
        rows.append(Row(figure="crowd", what=what, target=target, measured=NOT_BUILT, met=False))
    else:
        sizes = sorted({*bench.scale.crowds, bench.scale.forked_crowd})
        rows += await _crowds(bench, "forked", bench.fork_flags, tuple(sizes), bare)
    return rows + await _kernels(bench)


async def _crowds(bench: Bench, name: str, flags: tuple[str, ...], sizes: tuple[int, ...], bare: float) -> list[Row]:
    rows = []
    async with bench.daemon("--max-contexts", str(sizes[-1] + 16), *flags) as (server, client):
        # The cost of first use belongs to no context.
        for context in await client.create_many(6, at_once=2, run="pass"):
            await client.delete(context)
        await proc.settled(server.pid)
        empty = look(server, 0)
        contexts: list[str] = []
        for size in sizes:
            wanted = size - len(contexts)
            contexts += await client.create_many(wanted, at_once=AT_ONCE, run="pass")
            await proc.settled(server.pid)
            now = look(server, len(contexts))
            rows += _rows(name, size, empty, now, bare)
            rows.append(await _idle(bench, server, name, len(contexts)))
            rows.append(await _random_runs(client, contexts, name))
            if len(contexts) < size:  # refused: as many as fit
                break
    return rows


def _rows(name: str, size: int, empty: State, now: State, bare: float) -> list[Row]:
    values: dict[str, Any] = {
        "contexts": now.contexts,
        "processes": now.processes,
        "pss_bytes": now.pss,
        "pss_bytes_empty": empty.pss,
        "daemon_rss_bytes": now.daemon_rss,
        "daemon_rss_bytes_empty": empty.daemon_rss,
    }
    if not now.contexts:
        return [Row(figure="crowd", what=f"{size} contexts, {name}", measured="none could be created", met=False)]
    each = (now.pss - empty.pss) / now.contexts
    own = (now.daemon_rss - empty.daemon_rss) / now.contexts
    fds = (now.daemon_fds - empty.daemon_fds) / now.contexts
    return [
        Row(
            figure="crowd",
            what=f"memory a context adds (PSS), {now.contexts} {name}",
            target=f"≤ {LIMITS[name] / 1e6:.1f} MB",
            measured=mb(each),
            reference=f"one more bare Python {mb(bare)}; daemon and pool without contexts {mb(empty.pss)}",
            ratio=each / bare,
            met=each <= LIMITS[name] and now.contexts == size,
            value=each,
            unit="bytes",
            references={"bare Python": bare, "daemon and pool without contexts": empty.pss},
            values=values,
        ),
        Row(
            figure="crowd",
            what=f"daemon's RSS and descriptors per idle context, {now.contexts} {name}",
            target="≤ 60 KB",
            measured=f"{own / 1e3:.1f} KB, {fds:.2f} descriptors",
            met=own <= 60e3,
            value=own,
            unit="bytes",
            values={"daemon_rss_bytes_each": own, "daemon_fds_each": fds},
        ),
    ]


async def _idle(bench: Bench, server: Server, name: str, contexts: int) -> Row:
    """Measure CPU and wake-ups without any request, for ``seconds``."""
    workers = proc.below(server.pid)
    before = [count([pid]) if one else count(workers) for count, one, pid in _counts(server.pid)]
    await asyncio.sleep(bench.scale.seconds)
    after = [count([pid]) if one else count(workers) for count, one, pid in _counts(server.pid)]
    daemon, below, daemon_wakes, below_wakes = (b - a for a, b in zip(before, after, strict=True))
    return Row(
        figure="crowd",
        what=f"CPU of daemon and workers, {contexts} {name} idle, in {bench.scale.seconds:g} s",
        target="0 (nothing polls)",
        measured=f"{daemon} and {below} ticks; {daemon_wakes} and {below_wakes} wake-ups",
        met=daemon == below == 0,
        value=daemon + below,
        unit="count",
        values={
            "daemon_ticks": daemon,
            "worker_ticks": below,
            "daemon_wake_ups": daemon_wakes,
            "worker_wake_ups": below_wakes,
        },
    )


def _counts(pid: int) -> list[tuple[Any, bool, int]]:
    return [(proc.ticks, True, pid), (proc.ticks, False, pid), (proc.wake_ups, True, pid), (proc.wake_ups, False, pid)]


async def _random_runs(client: Client, contexts: list[str], name: str) -> Row:
    """Measure executions of ``pass`` in contexts chosen at random; n = ``RANDOM_RUNS``."""
    chosen = random.Random(3).choices(contexts, k=RANDOM_RUNS)
    runs = Blocks([[await client.execute("pass", context) for context in chosen]])
    return Row(
        figure="crowd",
        what=f"`pass` in random ones of {len(contexts)} {name}, p50 and p99",
        measured=f"{ms(runs.p50)}, {ms(runs.p99)}",
        value=runs.p50,
        unit="s",
        values=runs.milliseconds(),
    )


def _bare_python(python: str) -> float:
    """Return the PSS of one more waiting ``python -I -S`` beside the first, in bytes; n = ``PEERS``: the floor."""
    command = [python, "-I", "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"]
    pipe = subprocess.PIPE
    started: list[subprocess.Popen[bytes]] = []
    sizes = []
    try:
        for _ in range(PEERS):
            started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment()))
            assert started[-1].stdout is not None
            started[-1].stdout.readline()
            sizes.append(proc.pss(one.pid for one in started))
    finally:
        for one in started:
            one.communicate()  # closes its stdin, at whose end it ends
    return (sizes[-1] - sizes[0]) / (PEERS - 1)


async def _kernels(bench: Bench) -> list[Row]:
    """Measure the memory of one more Jupyter kernel beside the first, by PSS, after ``pass``; n = ``PEERS``."""
    try:
        from benchmarks.kernel import kernel
    except ImportError:
        return []
    sizes, pids = [], []
    async with AsyncExitStack() as stack:
        for _ in range(PEERS):
            running = await stack.enter_async_context(kernel(bench.directory))
            await running.execute()
            pids += [running.pid, *proc.below(running.pid)]
            sizes.append(proc.pss(pids))
    each = (sizes[-1] - sizes[0]) / (PEERS - 1)
    what = "peer: memory one more Jupyter kernel adds (PSS)"
    values = {"kernels": PEERS, "pss_bytes": sizes}
    return [Row(figure="crowd", what=what, measured=mb(each), value=each, unit="bytes", values=values)]
