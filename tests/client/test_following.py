"""``client.following``: the client follows one execution to its end, over many connections if needed."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from clients import Face
from harness import Client, Daemon, Gate, gone
from proxy import Cut, Hold, Proxy, Say, Swallow, proxy

from interpreterd.client import (
    ConnectionFailed,
    ExecutionFailed,
    ExecutionLost,
    Failure,
    Finished,
    Outcome,
    Output,
    Queued,
    Raised,
    Started,
    Stream,
    UnexpectedAnswer,
    following,
)

NO_SERVER = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
Start = Callable[..., Awaitable[Daemon]]
LINES = 400  # the daemon keeps all of these events, even one per line
LINE = "x" * 1000
COUNTED = f"runs = globals().get('runs', 0) + 1\nfor i in range({LINES}): print(i, {LINE!r})"
WHOLE = "".join(f"{i} {LINE}\n" for i in range(LINES))


async def test_an_execution_survives_its_connections(face: Face, through: Proxy) -> None:
    """Its connections are cut at random places. The code runs once, and every byte arrives once."""
    for seed in range(4):
        chance = random.Random(seed)
        cuts = [Cut(chance.randrange(600)), *[Cut(chance.randrange(200_000)) for _ in range(6)]]
        seen: list[str] = []
        through.plans.extend(cuts)
        async with face(through.url) as py:
            execution = await py.execute(COUNTED, on_stdout=seen.append)
            assert "".join(seen) == execution.stdout == WHOLE, (seed, cuts)
            assert (execution.outcome, execution.missed_events) == ("completed", 0)
            through.plans.clear()
            assert (await py.execute("print(runs)")).stdout == f"{seed + 1}\n"
    assert through.connections > 12


async def test_patience_counts_from_the_last_event(face: Face, through: Proxy) -> None:
    through.plans.extend([Cut(150_000), Cut(150_000)])  # more than one event
    async with face(through.url, reconnect_s=1e-3) as py:
        assert (await py.execute(COUNTED)).stdout == WHOLE


async def test_an_execution_is_found_whose_first_answer_was_lost(face: Face, through: Proxy) -> None:
    for number, after_bytes in enumerate([0, 1, 100, 250], 1):
        through.plans.append(Cut(after_bytes))
        async with face(through.url) as py:
            execution = await py.execute("n = globals().get('n', 0) + 1\nprint(n)")
            assert (execution.stdout, execution.outcome) == (f"{number}\n", "completed")
            assert (await py.execute("print(n)")).stdout == f"{number}\n"


async def test_nothing_is_run_twice_where_it_is_not_known(face: Face, through: Proxy) -> None:
    through.plans.append(Swallow())
    async with face(through.url) as py:
        with pytest.raises(ExecutionLost, match="whether the code has run is not known") as caught:
            await py.execute("n = 1")
        assert caught.value.execution_id is None
        assert (await py.execute("n")).error.name == "NameError"
    assert b'"code":"n = 1"' in through.heard[0]


async def test_a_proxy_that_cannot_reach_the_daemon_is_asked_again(face: Face, through: Proxy) -> None:
    through.plans.extend([Cut(400), Say(NO_SERVER), Say(NO_SERVER)])
    async with face(through.url) as py:
        assert (await py.execute(COUNTED)).stdout == WHOLE


async def test_what_the_daemon_has_forgotten_is_told(face: Face, start_daemon: Start, gate: Gate) -> None:
    daemon = await start_daemon("--journal-bytes", "16K")
    async with proxy(daemon.url) as through, Client(daemon.url) as other, face(through.url) as py:
        go_on = asyncio.Event()
        through.plans.extend([Cut(400), Hold(go_on)])
        running = asyncio.create_task(py.execute(f"print('begin ' * 100)\n{gate.wait}\n{COUNTED}"))
        await through.connected(2)
        gate.open()
        await other.run("print('the end')")  # it runs after the first execution
        go_on.set()
        execution = await running
    assert execution.missed_events > 0
    assert execution.outcome == "completed"
    assert WHOLE.endswith(execution.stdout.rpartition("begin \n")[2])
    assert len(execution.stdout) < len(WHOLE)


async def test_a_daemon_that_is_gone_for_good(face: Face, start_daemon: Start, tmp_path: Path) -> None:
    """Without patience the client fails at once. With patience, a new daemon answers that the execution is unknown."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    loop = asyncio.get_running_loop()

    async def lose(py: Any, then: Callable[[], Awaitable[Any]]) -> ExecutionLost:
        started = asyncio.Event()
        code = "print(1)\nwhile True: pass"
        running = asyncio.create_task(py.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))
        await started.wait()
        os.kill(daemon.pid, signal.SIGKILL)
        await gone(daemon.pid)
        await then()
        with pytest.raises(ExecutionLost) as caught:
            await running
        return caught.value

    async with face(f"unix:{tmp_path}/a.sock", reconnect_s=0) as py:
        lost = await lose(py, lambda: asyncio.sleep(0))
        assert "could not be followed again within 0 s" in str(lost)
        assert lost.execution_id is not None
        assert isinstance(lost, ConnectionError)
        with pytest.raises(ConnectionFailed):
            await py.execute("1")
    daemon = await start_daemon("--unix-socket", "a.sock")
    async with face(f"unix:{tmp_path}/a.sock") as py:
        lost = await lose(py, lambda: start_daemon("--unix-socket", "a.sock"))
        assert f"Execution not found: {lost.execution_id}" in str(lost)
        assert (await py.execute("print(2)")).stdout == "2\n"


async def test_every_outcome_is_told_truly(py: Any) -> None:
    execution = await py.execute("import os; os._exit(3)")
    assert (execution.outcome, execution.error) == ("lost", Failure(name="WorkerDied", value="exit status 3"))
    assert execution.reason is None
    execution = await py.execute("class WorkerDied(Exception): pass\nraise WorkerDied('not really')")
    assert (execution.outcome, execution.error.name) == ("completed", "WorkerDied")
    assert execution.restarted
    with pytest.raises(ExecutionFailed, match="WorkerDied: not really"):
        execution.raise_for_error()

    context = await py.create_context()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(
        context.execute("print(1)\nwhile True: pass", on_stdout=lambda text: loop.call_soon_threadsafe(started.set))
    )
    await started.wait()
    waiting = asyncio.create_task(_first_event(context, started))
    started.clear()
    await started.wait()
    await context.delete()
    execution = await running
    assert (execution.outcome, execution.error.value) == ("lost", f"context deleted: {context.id}")
    assert execution.reason == "context_deleted"
    last = await waiting
    assert (last.outcome, last.reason) == ("cancelled", "context_deleted")


DIED = '{"type":"error","name":"WorkerDied","value":"exit status 3","traceback":"","executionId":"e","seq":0}'
END = '"executionId":"e","seq":1}'


def answered(body: str, kind: str) -> Say:
    """Return a plan: the proxy answers with this body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Say((head + body).encode())


@pytest.mark.parametrize("outcome", ["lost", "completed"])
async def test_the_last_event_says_how_it_ended_and_nothing_is_asked(face: Face, stranger: Proxy, outcome: str) -> None:
    end = f'{{"type":"control","text":"completed","outcome":"{outcome}","code":null,{END}'
    stranger.plans.append(answered(f"{DIED}\n{end}\n", "application/x-ndjson"))
    async with face(stranger.url) as py:
        execution = await py.execute("1")
    assert (execution.outcome, execution.error.name, stranger.connections) == (outcome, "WorkerDied", 1)


@pytest.mark.parametrize("text", ["completed", "cancelled"])
async def test_an_older_daemon_is_asked_how_it_ended(face: Face, stranger: Proxy, text: str) -> None:
    end = f'{{"type":"control","text":"{text}",{END}'
    stranger.plans.append(answered(f"{DIED}\n{end}\n", "application/x-ndjson"))
    stranger.plans.append(answered('{"outcome":"lost"}', "application/json"))
    async with face(stranger.url) as py:
        execution = await py.execute("1")
    assert (execution.outcome, execution.reason) == ("lost", None)
    assert b"GET /process/interpreter/executions/e " in stranger.heard[1]


async def _first_event(context: Any, happened: asyncio.Event) -> Any:
    """Run ``pass``; set ``happened`` at each event and return the last event."""
    last = None
    async for event in context.stream("pass"):
        happened.set()
        last = event
    return last


async def test_output_comes_while_the_code_runs(py: Any, gate: Gate) -> None:
    """The code goes on only after the callback has got its output."""
    out: list[str] = []
    err: list[str] = []
    errors: list[Failure] = []

    loop = asyncio.get_running_loop()

    def on_stdout(text: str) -> None:
        out.append(text)
        loop.call_soon_threadsafe(gate.open)

    code = f"import sys\nprint('before')\n{gate.wait}\nprint('after', file=sys.stderr)\n1/0"
    execution = await py.execute(code, on_stdout=on_stdout, on_stderr=err.append, on_error=errors.append)
    assert (out, err, errors) == (["before\n"], ["after\n"], [execution.error])
    assert (execution.stdout, execution.stderr) == ("before\n", "after\n")


async def test_stream(py: Any) -> None:
    seen = [event async for event in py.stream("import sys\nprint(1)\nsys.exit(2)")]
    started, output, raised, finished = (event for event in seen if not isinstance(event, Queued))
    assert started == Started()
    assert output == Output(stream=Stream.STDOUT, text="1\n")
    assert output.stream == "stdout"
    assert isinstance(raised, Raised)
    assert (raised.error.name, raised.error.value) == ("SystemExit", "2")
    assert finished == Finished(outcome=Outcome.COMPLETED, error=raised.error)


async def test_leaving_a_stream_interrupts_the_code(py: Any) -> None:
    async with contextlib.aclosing(py.stream("x = 1; print(x)\nwhile True: pass", timeout=0)) as events:
        async for event in events:
            if isinstance(event, Output):
                break
    assert (await py.execute("print(x)")).stdout == "1\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{}", "not an event"),
        ("nonsense", "not an event"),
        ("[" * 100_000, "not an event"),
        ("x" * (5 << 20), "more than 4096"),
    ],
    ids=["object", "nonsense", "nested", "long"],
)
async def test_an_answer_that_is_no_event(
    face: Face, stranger: Proxy, line: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason.startswith("more"):
        monkeypatch.setattr(following, "EVENT_LINE_LIMIT_BYTES", 4096)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: {len(line) + 1}\r\n\r\n"
    stranger.plans.append(Say(f"{head}{line}\n".encode()))
    async with face(stranger.url) as py:
        with pytest.raises(UnexpectedAnswer, match=reason):
            await py.execute("1")


async def test_a_daemon_that_ends_says_so(face: Face, daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    started = asyncio.Event()
    async with face(daemon.url) as py:
        code = "print(1)\nwhile True: pass"
        running = asyncio.create_task(py.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))
        await started.wait()
        await daemon.stop()
        execution = await running
    assert execution.error.value == "server is shutting down"
    assert execution.outcome in ("lost", "cancelled")
