"""The processor time of an execution, which hardly depends on other load of the machine."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.client import Client, request
from benchmarks.report import Row, ms
from benchmarks.stats import Blocks

OPEN: Final = "an open connection"
NEW: Final = "a new WebSocket"
PID: Final = "import os; print(os.getpid())"
Run = Callable[[], Awaitable[object]]


async def worker_of(client: Client) -> int:
    """Return the process of the default context."""
    return int(await client.post(PID))


async def spent(pids: Mapping[str, int], run: Run, count: int) -> dict[str, float]:
    """Return the seconds of processor time that each of ``pids`` spends on one of ``count`` runs."""
    before = {name: proc.cpu_s(pid) for name, pid in pids.items()}
    for _ in range(count):
        await run()
    return {name: (proc.cpu_s(pid) - before[name]) / count for name, pid in pids.items()}


async def cpu(bench: Bench) -> list[Row]:
    """Measure the processor time of daemon and worker for one ``pass``, against the echo server's for one message.

    n = turns of ``samples`` executions each, on a session and on new WebSockets.
    """
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(bench.pair())
        session = await stack.enter_async_context(pair.client.session())
        floor = await stack.enter_async_context(pair.floor_client.http.ws_connect(pair.floor_client.url + "/echo"))

        async def echo() -> None:
            await floor.send_str(request("pass"))
            await floor.receive_str()

        pids = {"daemon": pair.daemon.pid, "worker": await worker_of(pair.client)}
        jobs: dict[str, list[tuple[dict[str, int], Run]]] = {
            OPEN: [(pids, session), ({"echo": pair.floor.pid}, echo)],
            NEW: [(pids, pair.client.execute), ({"echo": pair.floor.pid}, pair.floor_client.echo)],
        }
        found = {how: {name: Blocks() for name in (*pids, "echo")} for how in jobs}
        for turn in range(-1, bench.scale.turns):
            for how, sides in jobs.items():
                for whose, run in sides if turn % 2 == 0 else reversed(sides):
                    each = await spent(whose, run, bench.scale.samples)
                    for name, seconds in each.items() if turn >= 0 else ():
                        found[how][name].turns.append([seconds])
    return [_row(how, side, blocks) for how, blocks in found.items() for side in pids]


def _row(how: str, side: str, blocks: dict[str, Blocks]) -> Row:
    return Row(
        figure="cpu",
        what=f"processor time of the {side} for `pass` on {how}",
        measured=ms(blocks[side].p50),
        reference=f"echo server {ms(blocks['echo'].p50)}",
        ratio=blocks[side].ratio_to(blocks["echo"]),
        value=blocks[side].p50,
        unit="s",
        references={"echo": blocks["echo"].p50},
        values={f"{name}_s": blocks[name].samples for name in (side, "echo")},
    )
