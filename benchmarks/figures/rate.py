"""How many executions a second, all contexts busy."""

from typing import Any

from benchmarks import proc
from benchmarks.bench import Bench, Pair
from benchmarks.client import COMPLETED, PREFIX, request
from benchmarks.load import Load
from benchmarks.report import Row
from benchmarks.servers import Server
from benchmarks.stats import alternate

CLIENTS = 16


async def rate(bench: Bench) -> list[Row]:
    """Measure executions of ``pass`` a second: 16 contexts, a client each, new WebSockets; against the echo server.

    n = turns of ``seconds`` each. The clients are one other process, and no aiohttp: with aiohttp's client, which
    costs more than either server, the ratio would say how fast the client is. How many cores server, workers and
    clients use meanwhile stands beside the result, so that the bottleneck shows.
    """
    async with bench.pair() as pair, Load() as load:
        contexts = await pair.client.create_many(CLIENTS, at_once=2, run="pass")
        await proc.settled(pair.daemon.pid)
        messages = [request("pass", context) for context in contexts]
        cores: dict[str, float] = {}
        jobs: dict[str, tuple[Server, dict[str, Any]]] = {
            "daemon": (pair.daemon, {"path": PREFIX + "/execute", "last": COMPLETED}),
            "echo": (pair.floor, {"path": "/cycle", "last": None}),
        }

        async def run(name: str) -> float:
            server, job = jobs[name]
            return await _cycles(load, pair, server, messages, job, bench.scale.seconds, cores)

        sides = await alternate(
            {"daemon": lambda: run("daemon"), "echo": lambda: run("echo")},
            turns=4 if bench.scale.quick else 8,
            samples=1,
            warm_up=1,
        )
    ratio = sides["daemon"].ratio_to(sides["echo"])
    return [
        Row(
            figure="rate",
            what=f"executions a second, {CLIENTS} contexts × {CLIENTS} clients",
            target="≥ 0.55 × the echo server's rate",
            measured=f"{sides['daemon'].p50:.0f}/s (cores: daemon {cores['server']:.2f}, workers"
            f" {cores['workers']:.2f}, clients {cores['clients']:.2f})",
            reference=f"echo {sides['echo'].p50:.0f}/s (server {cores['echo']:.2f}, clients"
            f" {cores['echo_clients']:.2f})",
            ratio=ratio,
            met=ratio >= 0.55,
            value=sides["daemon"].p50,
            unit="1/s",
            references={"echo": sides["echo"].p50},
            values={"per_s": {name: blocks.samples for name, blocks in sides.items()}, "cores": cores},
        )
    ]


async def _cycles(
    load: Load,
    pair: Pair,
    server: Server,
    messages: list[str],
    job: dict[str, Any],
    seconds: float,
    cores: dict[str, float],
) -> float:
    """Return cycles a second; note in ``cores`` how many cores each party used, the last time it was asked."""
    workers = proc.below(server.pid)
    before = proc.ticks([server.pid]), proc.ticks(workers)
    answer = await load.run(job="cycles", port=server.port, messages=messages, seconds=seconds, **job)
    after = proc.ticks([server.pid]), proc.ticks(workers)
    per_tick = 1 / proc.TICKS_PER_S / answer["seconds"]
    own, clients = (after[0] - before[0]) * per_tick, answer["cpu_s"] / answer["seconds"]
    if server is pair.daemon:
        cores |= {"server": own, "workers": (after[1] - before[1]) * per_tick, "clients": clients}
    else:
        cores |= {"echo": own, "echo_clients": clients}
    return answer["count"] / answer["seconds"]
