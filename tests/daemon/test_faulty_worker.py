"""A worker that breaks the protocol of the pipe: what clients see for each fault in ``faulty_worker.py``.

For each fault the execution has one end, which says why; the context's next execution works; no other context
is affected; no process is left.
"""

import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from attrs import frozen
from contract import COMPLETED, INTERRUPTED, RESTARTED, ended, error, interrupt, stdout, submitted, worker_ends
from following import following, until
from harness import DISGUISE, Client, Gate
from leaving import holds
from paths import SUPPORT
from standing import SharedDaemon, shared_daemon

from interpreterd.processes.families import descendants

pytestmark = pytest.mark.xdist_group("faulty worker")

MIB = 1 << 20
START_TIMEOUT_S = 1.5  # good workers must also start within it

# Starts the real worker. If a fault is armed, starts one faulty worker in its place.
PYTHON = f"""{DISGUISE}
folder=${{0%/*}}
if mv "$folder/armed" "$folder/$$" 2>/dev/null; then
    read fault < "$folder/$$"
    exec '{sys.executable}' -I -S '{SUPPORT / "faulty_worker.py"}' "$fault" "$folder/gate" "$@"
fi
exec '{sys.executable}' "$@"
"""

# The error of a worker's start, by fault.
START_FAULTS = {
    "never_ready": f"the worker did not answer within {START_TIMEOUT_S} s",
    "dies_instead_of_ready": "the worker ended at once: exit status 3: out of order",
    "killed_instead_of_ready": "the worker ended at once: killed by SIGKILL",
    "wrong_version": "the worker broke the protocol: the worker speaks version 2, the daemon 1",
    "garbage_instead_of_ready": "the worker broke the protocol: not JSON: ...",
    "half_of_ready_then_ends": "the worker ended at once: exit status 0",
    "half_of_ready_then_closes": "the worker broke the protocol: it closed its channel",
    "done_instead_of_ready": "the worker said Done, not Ready",
    "long_line_instead_of_ready": "the worker broke the protocol: a line is longer than 1044480 bytes",
    "never_configured": f"the worker did not answer within {START_TIMEOUT_S} s",
    "ready_again": "the worker said Ready, not Configured",
    "dies_instead_of_configured": "the worker ended at once: exit status 4",
    "closes_instead_of_configured": "the worker broke the protocol: it closed its channel",
    "fails_at_length": "a reason a reason...",
}

# How a worker dies that runs code, by fault.
FAULTS = {
    "garbage": "killed: it broke the protocol (not JSON: ...)",
    "not_an_object": "killed: it broke the protocol (not a JSON object)",
    "unknown_type": "killed: it broke the protocol (unknown type 'finished')",
    "wrong_types": "killed: it broke the protocol (name must be str)",
    "half_a_message_then_ends": "exit status 0",
    "half_a_message_then_closes": "killed: it broke the protocol (it closed its channel)",
    "long_line": "killed: it broke the protocol (a line is longer than 1044480 bytes)",
    "deep_nesting": "killed: it broke the protocol (not JSON: ...)",
    "deep_nesting_within_a_message": "killed: it broke the protocol (not JSON: ...)",
    "invalid_utf8": "killed: it broke the protocol (not JSON: ...)",
    "lone_surrogate": "killed: it broke the protocol (not JSON: ...)",
    "foreign_done": "killed: it broke the protocol (unexpected Done)",
    "foreign_exiting": "killed: it broke the protocol (unexpected Exiting)",
    "configured_again": "killed: it broke the protocol (unexpected Configured)",
    "synced": "killed: it broke the protocol (unexpected Synced)",
    "forked": "killed: it broke the protocol (unexpected Forked)",
    "reaped": "killed: it broke the protocol (unexpected Reaped)",
    "closes_its_channel": "killed: it broke the protocol (it closed its channel)",
    "ends_without_a_word": "exit status 0",
    "leaves_a_grandchild": "exit status 5",
    "leaves_a_grandchild_that_floods": "exit status 5",
}


@frozen
class Arena:
    """A daemon, its client, and the folder in which a test arms a fault."""

    daemon: SharedDaemon
    client: Client
    folder: Path

    def arm(self, fault: str) -> None:
        """Make the next started worker commit ``fault``."""
        (self.folder / "arming").write_text(f"{fault}\n")
        (self.folder / "arming").rename(self.folder / "armed")

    def committed(self) -> bool:
        """Return whether a fault that waits at the gate has happened."""
        return not (self.folder / "gate").exists()

    async def create_faulty(self, fault: str) -> str:
        """Return a new context whose worker will commit ``fault``."""
        self.arm(fault)
        return await self.client.create()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SharedDaemon, Path]]:
    folder = tmp_path_factory.mktemp("faulty")
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    flags = ("--python", str(python), "--pool-size", "0", "--start-timeout-s", str(START_TIMEOUT_S), "--grace-s", "0.2")
    with shared_daemon(folder, *flags) as daemon:
        yield daemon, folder


@pytest.fixture
async def arena(shared: tuple[SharedDaemon, Path]) -> AsyncIterator[Arena]:
    """Yield the arena. At the end the daemon must have no new process, and its neighbour must be unchanged."""
    daemon, folder = shared
    async with Client(daemon.url) as client:
        if daemon.neighbour is None:
            daemon.neighbour = await client.create()
            await client.run("mine = 1", daemon.neighbour)
        before = descendants(daemon.pid)
        yield Arena(daemon, client, folder)
        _, body = await client.request("GET", "/contexts")
        for context in body["contexts"]:
            if context["id"] != daemon.neighbour:
                await client.request("DELETE", f"/context/{context['id']}")
        assert ended(await client.run("print(mine)", daemon.neighbour)) == ([stdout("1\n"), COMPLETED], 1000, "")
        # A worker that failed to start is reaped a moment later.
        await holds(lambda: descendants(daemon.pid) == before)


def is_as(text: str, expected: str) -> bool:
    """Return whether ``text`` matches ``expected``, in which ``...`` stands for any text."""
    start, dots, end = expected.partition("...")
    return text.startswith(start) and text.endswith(end) if dots else text == expected


async def next_works(client: Client, context: str, *, restarted: bool) -> None:
    """Check that the next execution in ``context`` works."""
    before = [RESTARTED] if restarted else []
    assert ended(await client.run("print('next')", context)) == ([*before, stdout("next\n"), COMPLETED], 1000, "")


@pytest.mark.parametrize("fault", START_FAULTS)
async def test_a_fault_at_the_start_fails_the_start(arena: Arena, fault: str) -> None:
    client = arena.client
    context = await client.create()
    await client.run("exit()", context)
    arena.arm(fault)
    result = await client.run("print('never')", context)
    assert result.error is not None
    why = "failed to restart context: " + START_FAULTS[fault]
    assert is_as(result.error["value"], why), result
    assert len(result.error["value"]) < 2100
    assert result.messages == [error("ContextError", result.error["value"])]
    assert (result.close_code, result.close_reason) == (1011, result.error["value"][:123])
    await next_works(client, context, restarted=True)


async def test_a_context_whose_worker_cannot_start_is_not_made(arena: Arena) -> None:
    arena.arm("wrong_version")
    reason = START_FAULTS["wrong_version"]
    body = {"error": f"Failed to start context: {reason}", "code": "worker_start_failed"}
    assert await arena.client.request("POST", "/context") == (500, body)
    assert len((await arena.client.request("GET", "/contexts"))[1]["contexts"]) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_ends_the_execution_with_its_worker(arena: Arena, fault: str) -> None:
    context = await arena.create_faulty(fault)
    result = await arena.client.run("print('never')", context)
    messages, code, reason = ended(result)
    assert result.error is not None
    value = result.error["value"]
    assert is_as(value, FAULTS[fault]), result
    flood = [message for message in messages if message["type"] == "stdout"]
    assert fault.endswith("floods") or not flood
    assert (messages, code, reason) == ([*flood, error("WorkerDied", value), COMPLETED], 1000, "")
    await next_works(arena.client, context, restarted=True)


@pytest.mark.parametrize("fault", ["stops_reading", "ignores_signals"])
async def test_a_worker_that_cannot_be_interrupted_is_killed(arena: Arena, fault: str) -> None:
    """The code is larger than the channel's buffer. The daemon does not wait until the worker reads it."""
    context = await arena.create_faulty(fault)
    async with (
        following(arena.client, f"/context/{context}/events", "ndjson") as events,
        arena.client.running("#" * 4 * MIB, contextId=context) as running,
    ):
        await until(events, "started")
        if fault == "ignores_signals":
            await running.until("on")
        assert (await interrupt(arena.client, context))[1] == {"interrupted": True}
        result = await running.finish()
    value = "interrupted; its worker was killed by SIGKILL, and its variables are lost"
    assert ended(result)[0][-2:] == [error("KeyboardInterrupt", value), INTERRUPTED]
    assert (result.close_code, result.close_reason) == (1000, "interrupted by a client")
    await next_works(arena.client, context, restarted=True)


@pytest.mark.parametrize("fault", ["done_twice", "garbage_after_done", "closes_its_channel_after_done"])
async def test_a_fault_after_the_end_costs_the_worker_and_no_execution(arena: Arena, fault: str) -> None:
    context = await arena.create_faulty(fault)
    async with worker_ends(arena.client, context):
        assert ended(await arena.client.run("pass", context)) == ([COMPLETED], 1000, "")
    await next_works(arena.client, context, restarted=True)


async def test_output_after_the_end_belongs_to_no_execution(arena: Arena) -> None:
    gate = Gate(arena.folder / "gate")
    context = await arena.create_faulty("output_after_done")
    assert ended(await arena.client.run("pass", context)) == ([COMPLETED], 1000, "")
    gate.open()
    await holds(arena.committed)
    gate.close()
    await next_works(arena.client, context, restarted=False)


async def test_closed_output_pipes_are_the_workers_own_business(arena: Arena) -> None:
    context = await arena.create_faulty("closes_its_output")
    await next_works(arena.client, context, restarted=False)


@pytest.mark.parametrize("fault", ["exiting_and_stays", "exiting_and_babbles"])
async def test_a_worker_that_says_it_exits_and_does_not_is_killed(arena: Arena, fault: str) -> None:
    context = await arena.create_faulty(fault)
    assert ended(await arena.client.run("pass", context)) == ([COMPLETED], 1000, "")
    await next_works(arena.client, context, restarted=True)


@pytest.mark.parametrize("fault", ["long_line", "long_line_instead_of_ready", "leaves_a_grandchild_that_floods"])
async def test_the_daemons_memory_is_bounded(arena: Arena, fault: str) -> None:
    """The bound is far below the 100 MB of such a line."""

    def status(key: str) -> int:
        (line,) = [line for line in Path(f"/proc/{arena.daemon.pid}/status").read_text().splitlines() if key in line]
        return int(line.split()[1]) << 10

    def forget_the_peak() -> None:
        Path(f"/proc/{arena.daemon.pid}/clear_refs").write_text("5")  # proc(5)

    client = arena.client
    context = await client.create()
    await client.run("exit()", context)
    arena.arm(fault)
    forget_the_peak()
    before = status("VmRSS:")
    result = await client.run("pass", context)
    assert result.error is not None
    assert status("VmHWM:") - before < 8 * MIB
    await next_works(client, context, restarted=True)


async def test_what_waits_behind_a_fault_runs_in_a_new_worker(arena: Arena) -> None:
    context = await arena.create_faulty("ignores_signals")
    async with arena.client.running("pass", contextId=context) as first:
        await first.until("on")
        async with contextlib.AsyncExitStack() as stack:
            codes = [f"print({number})" for number in range(3)]
            waiting = [await stack.enter_async_context(submitted(arena.client, it, contextId=context)) for it in codes]
            assert (await interrupt(arena.client, context))[1] == {"interrupted": True}
            await first.finish()
            results = [ended(await running.finish())[0] for running in waiting]
    assert results == [
        [RESTARTED, stdout("0\n"), COMPLETED],
        [stdout("1\n"), COMPLETED],
        [stdout("2\n"), COMPLETED],
    ]
