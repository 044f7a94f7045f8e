"""``interpreterd.client`` against a daemon: both of its faces, but for what only one can do."""

import asyncio
import contextlib
import gc
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clients import Face
from conftest import ROOT
from harness import Client, Daemon, Gate
from hypothesis import example, given
from hypothesis import strategies as st

from interpreterd.client import (
    AsyncInterpreter,
    ContextNotFound,
    ExecutionFailed,
    Failure,
    Finished,
    Interpreter,
    LimitReached,
    Outcome,
    Output,
    Queued,
    Raised,
    Refused,
    Started,
    Stream,
)
from interpreterd.client.wire import parse

Start = Callable[..., Awaitable[Daemon]]
MIGRATION_GUIDE = """
# Create context
ctx = daytona.create_interpreter_context(cwd="/my/project")

# Execute in that context
interpreter.execute("print('Hello')", context_id=ctx["id"])

# Clean up when done
daytona.delete_interpreter_context(ctx["id"])
"""


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return Face(request.param)


@pytest.fixture
async def py(face: Face, url: str) -> AsyncIterator[Any]:
    """A client of the standing daemon."""
    async with face(url) as client:
        yield client


@pytest.fixture
async def first_py(face: Face, daemon: Daemon) -> AsyncIterator[Any]:
    """A client of a new daemon, which has no context yet."""
    async with face(daemon.url) as client:
        yield client


# Executions


async def test_migration_guide(url: str, tmp_path: Path) -> None:
    def follow_it() -> None:
        with Interpreter(url) as client:
            assert client.execute("print('Hello')").stdout == "Hello\n"
            shown: list[str] = []
            told = MIGRATION_GUIDE.replace("/my/project", str(tmp_path)).replace("ctx[", "shown.append(ctx) or ctx[")
            exec(told, {"interpreter": client, "daytona": client, "shown": shown})
            assert [context.id for context in client.list_contexts()] == ["default"]
            assert [(context.cwd, context["cwd"]) for context in shown] == [(str(tmp_path), str(tmp_path))] * 2

    await asyncio.to_thread(follow_it)


async def test_an_execution(py: Any) -> None:
    code = "import sys\nprint('out ☃')\nprint('err', file=sys.stderr)\nint('x')"
    execution = await py.execute(code)
    assert (execution.stdout, execution.stderr) == ("out ☃\n", "err\n")
    assert execution.outcome is Outcome.COMPLETED
    assert execution.outcome == "completed"
    assert execution.error.name == "ValueError"
    assert "int('x')" in execution.error.traceback
    assert (execution.context_id, execution.restarted) == ("default", False)
    assert (execution.cut_chars, execution.missed_events) == (0, 0)
    with pytest.raises(ExecutionFailed, match="ValueError: invalid literal") as caught:
        execution.raise_for_error()
    assert caught.value.execution is execution
    assert caught.value.__notes__ == [execution.error.traceback]
    execution = await py.execute("print(1)")
    assert execution.raise_for_error() is execution


async def test_bytes_that_are_no_text_are_counted(py: Any) -> None:
    code = "import os; os.write(1, 'caf\u00e9 \ufffd\\n'.encode('latin-1', 'replace'))"
    events = [event async for event in py.stream(code)]
    assert [(event.text, event.replaced) for event in events if isinstance(event, Output)] == [("caf\ufffd ?\n", 1)]
    execution = await py.execute(code)
    assert (execution.stdout, execution.replaced) == ("caf\ufffd ?\n", 1)


async def test_state_stays_and_contexts_have_their_own(py: Any, tmp_path: Path) -> None:
    context = await py.create_context(cwd=tmp_path)
    await py.execute("x = 1")
    await context.execute("x = 2; import os; where = os.getcwd()")
    assert (await py.execute("print(x)")).stdout == "1\n"
    execution = await py.execute("print(x, where)", context.id)
    assert (execution.stdout, execution.context_id) == (f"2 {tmp_path}\n", context.id)


async def test_environment_and_timeout(py: Any) -> None:
    code = "import os; print(os.environ.get('GREETING'))"
    assert (await py.execute(code, envs={"GREETING": "hello"})).stdout == "hello\n"
    assert (await py.execute(code)).stdout == "None\n"
    execution = await py.execute("while True: pass", timeout=1, grace_s=1)
    assert (execution.outcome, execution.error.name) == ("interrupted", "TimeoutError")


async def test_every_outcome_is_told_truly(py: Any) -> None:
    execution = await py.execute("import os; os._exit(3)")
    assert (execution.outcome, execution.error) == ("lost", Failure(name="WorkerDied", value="exit status 3"))
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
    assert (await waiting).outcome == "cancelled"


async def _first_event(context: Any, happened: asyncio.Event) -> Any:
    """Run something; set ``happened`` at the first event and return the last one."""
    last = None
    async for event in context.stream("pass"):
        happened.set()
        last = event
    return last


async def test_output_comes_while_the_code_runs(py: Any, gate: Gate) -> None:
    """The code goes on only when the callback has seen what it wrote."""
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


async def test_callbacks_run_in_the_callers_thread(url: str) -> None:
    def run() -> tuple[int, list[int]]:
        with Interpreter(url) as client:
            seen: list[int] = []
            client.execute(
                "print(1)\n1/0",
                on_stdout=lambda text: seen.append(threading.get_ident()),
                on_error=lambda error: seen.append(threading.get_ident()),
            )
            return threading.get_ident(), seen

    mine, seen = await asyncio.to_thread(run)
    assert seen == [mine, mine]


async def test_callbacks_may_be_coroutine_functions(url: str) -> None:
    seen: list[str] = []

    async def on_stdout(text: str) -> None:
        await asyncio.sleep(0)
        seen.append(text)

    async with AsyncInterpreter(url) as client:
        await client.execute("print(1)", on_stdout=on_stdout)
    assert seen == ["1\n"]


async def test_a_callback_that_raises_interrupts_the_code(py: Any) -> None:
    def on_stdout(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="1"):
        await py.execute("x = 1; print(x)\nwhile True: pass", on_stdout=on_stdout, timeout=0)
    assert (await py.execute("print(x)")).stdout == "1\n"


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


async def test_a_call_that_is_cancelled_interrupts_the_code(url: str) -> None:
    async with AsyncInterpreter(url) as client:
        started = asyncio.Event()
        code = "x = 1; print(x)\nwhile True: pass"
        running = asyncio.create_task(client.execute(code, timeout=0, on_stdout=lambda text: started.set()))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await client.execute("print(x)")).stdout == "1\n"


async def test_values_are_printed_as_at_a_prompt(py: Any) -> None:
    assert (await py.execute("6 * 7", interactive=True)).stdout == "42\n"
    async with await py.create_context() as context:
        assert (await context.execute("6 * 7", interactive=True)).stdout == "42\n"
        assert (await context.execute("6 * 7")).stdout == ""


async def test_long_output_is_cut_where_the_client_wants_it(face: Face, url: str) -> None:
    seen: list[str] = []
    code = "import sys\nprint('é' * 100_000)\nprint('x' * 5, file=sys.stderr)"
    async with face(url, output_limit_chars=6) as py:
        execution = await py.execute(code, on_stdout=seen.append)
    assert (execution.stdout, execution.stderr) == ("é" * 6, "x" * 5 + "\n")
    assert execution.cut_chars == 100_001 - 6
    assert "".join(seen) == "é" * 100_000 + "\n"


async def test_many_at_the_same_time(py: Any) -> None:
    """Threads, or tasks, share a client; each has its own context."""

    async def run(number: int) -> str:
        async with await py.create_context() as context:
            await context.execute(f"x = {number}")
            return str((await context.execute("print(x)")).stdout)

    assert await asyncio.gather(*map(run, range(8))) == [f"{number}\n" for number in range(8)]


async def test_others_see_what_the_client_calls_itself(face: Face, url: str, client: Client) -> None:
    async with face(url, origin="ada") as py:
        await py.execute("pass")
    _, body = await client.request("GET", "/context/default/executions")
    assert body["executions"][0]["origin"].startswith("ada ")


# Contexts


async def test_a_contexts_life(first_py: Any, tmp_path: Path) -> None:
    context = await first_py.create_context(cwd=tmp_path, language="python", limits={"codeBytes": 100})
    assert (context.cwd, context.language, context.active) == (str(tmp_path), "python", True)
    assert context["limits"] == {"codeBytes": 100}
    assert datetime(2020, 1, 1, tzinfo=UTC) < context.created_at
    with pytest.raises(KeyError):
        context["nothing"]
    await first_py.execute("pass")
    assert [listed.id for listed in await first_py.list_contexts()] == [context.id, "default"]
    await context.execute("exit()")
    assert not (await first_py.get_context(context.id)).active
    assert context.active, "it is what it was"
    await first_py.delete_context(context.id)
    assert [listed.id for listed in await first_py.list_contexts()] == ["default"]


async def test_contexts_with_what_they_use(first_py: Any) -> None:
    dead = await first_py.create_context()
    await first_py.execute("pass")
    await dead.execute("exit()")
    shown = {listed.id: listed["usage"] for listed in await first_py.list_contexts(usage=True)}
    assert shown.keys() == {dead.id, "default"}
    assert (shown[dead.id], shown["default"]["processes"]) == (None, 1)
    with pytest.raises(KeyError):
        (await first_py.list_contexts())[0]["usage"]


async def test_a_context_ends_with_its_block(first_py: Any) -> None:
    async with await first_py.create_context() as context:
        await context.execute("x = 1")
    with pytest.raises(LookupError):
        async with await first_py.create_context() as context:
            raise LookupError
    async with await first_py.create_context() as context:
        await context.delete()
    assert await first_py.list_contexts() == []


async def test_contexts_by_their_metadata(py: Any) -> None:
    context = await py.create_context(metadata={"user": "ada & co", "job": "1=1"})
    await py.create_context(metadata={"user": "bob"})
    listed = await py.list_contexts(labels={"user": "ada & co", "job": "1=1"})
    assert [found.id for found in listed] == [context.id]


async def test_interrupt_and_restart(py: Any) -> None:
    await py.execute("x = 1")
    assert await py.interrupt() is False
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run() -> asyncio.Task[Any]:
        started.clear()
        code = "print(x)\nwhile True: pass"
        return asyncio.create_task(py.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))

    running = run()
    await started.wait()
    assert await py.interrupt() is True
    assert (await running).error.name == "KeyboardInterrupt"
    running = run()
    await started.wait()
    context = await py.restart(cancel_queued=True)
    assert (await running).outcome == "lost"
    assert context.active
    assert (await py.execute("x")).error.name == "NameError"
    context = await py.create_context()
    assert await context.interrupt() is False
    assert (await context.restart())["cancelled"] == []


# Errors


async def test_a_grace_is_the_daemons_at_most(py: Any) -> None:
    with pytest.raises(Refused, match="graceS must be at most 2"):
        await py.execute("pass", grace_s=2.5)


async def test_what_the_daemon_refuses(first_py: Any) -> None:
    cases: list[tuple[str, int, type[Refused], Awaitable[Any]]] = [
        ("unsupported_language", 400, Refused, first_py.create_context(language="ruby")),
        ("invalid_cwd", 400, Refused, first_py.create_context(cwd="/no/where")),
        ("default_context", 400, Refused, first_py.delete_context("default")),
        ("invalid_request", 400, Refused, first_py.execute("")),
        ("invalid_request", 400, Refused, first_py.execute("1", timeout=-1)),
        ("malformed_request", 400, Refused, first_py.execute("1", timeout=0.5)),
        ("context_not_found", 404, ContextNotFound, first_py.execute("1", "a/b?c=ä")),
        ("context_not_found", 404, ContextNotFound, first_py.get_context("a/b?c=ä")),
        ("context_not_found", 404, ContextNotFound, first_py.delete_context("nowhere")),
        ("context_not_found", 404, ContextNotFound, first_py.interrupt()),
        ("context_not_found", 404, ContextNotFound, first_py.restart("a/b?c=ä")),
    ]
    for code, status, kind, call in cases:
        with pytest.raises(Refused) as caught:
            await call
        assert (caught.value.code, caught.value.status, type(caught.value)) == (code, status, kind)
    assert str(caught.value) == "Context not found: a/b?c=ä"
    with pytest.raises(ContextNotFound):
        await anext(aiter(first_py.stream("1", "nowhere")))


async def test_a_limit_says_when_to_try_again(face: Face, start_daemon: Start) -> None:
    daemon = await start_daemon("--max-contexts", "1")
    async with face(daemon.url) as py:
        await py.create_context()
        with pytest.raises(LimitReached) as caught:
            await py.create_context()
    assert (caught.value.code, caught.value.retry_after_s) == ("limit_reached", 1.0)


async def test_a_client_that_is_closed(face: Face, url: str) -> None:
    py = face(url)
    await py.execute("x = 1")
    await py.close()
    await py.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        await py.execute("x = 2")
    async with face(url) as other:
        assert (await other.execute("print(x)")).stdout == "1\n"


async def test_whoever_waits_when_it_is_closed_is_let_go(url: str) -> None:
    client = Interpreter(url)
    started = threading.Event()

    def run() -> None:
        with pytest.raises(RuntimeError, match="the client is closed"):
            client.execute("print(1)\nwhile True: pass", on_stdout=lambda text: started.set())

    running = asyncio.create_task(asyncio.to_thread(run))
    await asyncio.to_thread(started.wait)
    await asyncio.to_thread(client.close)
    await running
    gc.collect()  # what was left open says so now


# What it takes and what it brings in


def test_reads_every_event_that_the_protocol_has() -> None:
    lines = [
        json.loads(line)
        for name in ("session", "feed")
        for line in (ROOT / f"tests/golden/{name}.jsonl").read_text("utf-8").splitlines()
    ]
    events = [message for message in lines if "seq" in message]
    known = [parse(json.dumps(message).encode()) for message in events]
    assert len(known) > 10
    assert {(it.number, it.execution_id) for it in known} == {(it["seq"], it["executionId"]) for it in events}
    unknown = {message["type"] for message, it in zip(events, known, strict=True) if it.event is None}
    assert unknown == {"submitted", "workerEnded"}, "those of contexts"


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
@example(b"[" * 100_000)
@example(b'{"seq": "1", "type": "stdout", "text": ""}')
@example(b'{"seq": 1, "type": "control"}')
@example(b'{"seq": 1, "type": "control", "text": {}}')
@example(b'{"seq": 1, "executionId": 1, "type": "started"}')
def test_what_is_no_event_is_a_value_error(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert parse(line).event is None


def test_the_client_knows_the_schema_and_the_daemon_no_client() -> None:
    script = "import sys, {}; print(*sorted(name for name in sys.modules if name.startswith('interpreterd.')))"

    def imported(module: str) -> set[str]:
        shown = subprocess.check_output([sys.executable, "-c", script.format(module)], text=True)
        return {name.split(".")[1] for name in shown.split()}

    assert imported("interpreterd.client") == {
        "client",
        "schema",
        "fields",
        "environment",
        "digest",
        "errors",
        "_version",
    }
    assert not {"client", "cli"} & imported("interpreterd.daemon")
