"""The contract's endings: the messages and the close when an execution ends, dies or is stopped."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from contract import COMPLETED, INTERRUPTED, RESTARTED, ended, error, interrupt, stdout, submitted, worker_ends
from harness import Client, Daemon, Gate, Result

StartDaemon = Callable[..., Awaitable[Daemon]]
STUBBORN = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print('on'); "


def told(result: Result) -> list[tuple[str, str]]:
    """Return the messages other than output: name and value of errors, texts of control messages."""
    return [
        (message["name"], message["value"]) if message["type"] == "error" else ("control", message["text"])
        for message in result.messages
        if message["type"] not in ("stdout", "stderr")
    ]


@pytest.fixture
async def hasty(start_daemon: StartDaemon) -> AsyncIterator[Client]:
    """Yield a client of a daemon that kills a worker soon after an interrupt."""
    daemon = await start_daemon("--grace-s", "0.1")
    async with Client(daemon.url) as client:
        yield client


# The execution ends by itself


async def test_ended_by_itself(client: Client) -> None:
    assert ended(await client.run("pass")) == ([COMPLETED], 1000, "")


async def test_ended_with_an_exception(client: Client) -> None:
    result = await client.run("def f():\n    raise ValueError('wrong')\nf()")
    assert told(result) == [("ValueError", "wrong"), ("control", "completed")]
    assert (result.close_code, result.close_reason) == (1000, "")


async def test_ended_with_a_keyboard_interrupt_of_its_own_is_an_ordinary_error(client: Client) -> None:
    result = await client.run("x = 1; raise KeyboardInterrupt('mine')")
    assert told(result) == [("KeyboardInterrupt", "mine"), ("control", "completed")]
    assert (result.close_code, (await client.run("print(x)")).stdout) == (1000, "1\n")


async def test_exit_ends_the_worker_and_the_next_execution_says_that_it_restarted(client: Client) -> None:
    context = await client.create()
    for code in ("exit()", "quit()", "exit(3)", "import builtins; builtins.exit('bye')"):
        assert ended(await client.run(f"x = 1; {code}", context)) == ([COMPLETED], 1000, "")
        assert (await client.request("GET", f"/context/{context}"))[1]["active"] is False
        result = await client.run("print('x' in globals())", context)
        assert ended(result) == ([RESTARTED, stdout("False\n"), COMPLETED], 1000, "")
        assert (await client.request("GET", f"/context/{context}"))[1]["active"] is True
        assert ended(await client.run("pass", context)) == ([COMPLETED], 1000, "")


async def test_exit_restarts_for_what_is_queued_behind_it(client: Client, gate: Gate) -> None:
    async with submitted(client, f"{gate.wait}; exit()") as first, submitted(client, "print(1)") as second:
        gate.open()
        assert ended(await first.finish()) == ([COMPLETED], 1000, "")
        result = await second.finish()
    assert ended(result) == ([RESTARTED, stdout("1\n"), COMPLETED], 1000, "")


async def test_sys_exit_ends_only_the_execution(client: Client) -> None:
    await client.run("import sys; x = 1")
    values = {
        "sys.exit()": None,
        "sys.exit(None)": None,
        "sys.exit(0)": None,
        "raise SystemExit": None,
        "sys.exit(3)": "3",
        "sys.exit('no')": "no",
        "raise SystemExit(False, 1)": "(False, 1)",
    }
    for code, value in values.items():
        result = await client.run(code)
        assert told(result) == [*([("SystemExit", value)] if value else []), ("control", "completed")]
        assert (result.close_code, result.close_reason) == (1000, "")
    assert ended(await client.run("print(x)")) == ([stdout("1\n"), COMPLETED], 1000, "")


# The execution ends with its worker


async def test_worker_died_says_how(client: Client) -> None:
    """Output from before the death arrives; the next execution gets a new worker."""
    context = await client.create()
    on = stdout("on\n")
    restarted: list[dict[str, Any]] = []
    for code, how in {
        "os._exit(3)": "exit status 3",
        "os._exit(0)": "exit status 0",
        "os.kill(os.getpid(), 9)": "killed by SIGKILL",
        "os.kill(os.getpid(), 15)": "killed by SIGTERM",
        "os.abort()": "killed by SIGABRT",
        "import ctypes; ctypes.string_at(0)": "killed by SIGSEGV",
    }.items():
        result = await client.run(f"import os; print('on'); {code}", context)
        assert ended(result) == ([*restarted, on, error("WorkerDied", how), COMPLETED], 1000, "")
        assert (await client.request("GET", f"/context/{context}"))[1]["active"] is False
        restarted = [RESTARTED]
    assert ended(await client.run("print('on')", context)) == ([RESTARTED, on, COMPLETED], 1000, "")


async def test_worker_died_between_executions_makes_the_context_inactive(client: Client, gate: Gate) -> None:
    """A thread kills the worker after the execution that started the thread."""
    await client.run(f"""
import os, signal, threading
def die():
    {gate.wait}
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=die).start()""")
    assert (await client.request("GET", "/context/default"))[1]["active"] is True
    async with worker_ends(client, "default"):
        gate.open()
    assert (await client.request("GET", "/context/default"))[1]["active"] is False
    assert ended(await client.run("print(1)")) == ([RESTARTED, stdout("1\n"), COMPLETED], 1000, "")


# Timeout


async def test_timeout_interrupts_and_keeps_the_state(client: Client, gate: Gate) -> None:
    context = await client.create()
    result = await client.run(f"x = 1; print('on'); {gate.wait}", context, timeout=1)
    assert result.stdout == "on\n"
    assert told(result) == [("TimeoutError", "execution timed out after 1 s"), ("control", "interrupted")]
    assert result.messages[-1] == INTERRUPTED
    assert (result.close_code, result.close_reason) == (4008, "execution timed out after 1 s")
    assert (await client.request("GET", f"/context/{context}"))[1]["active"] is True
    assert ended(await client.run("print(x)", context)) == ([stdout("1\n"), COMPLETED], 1000, "")


async def test_timeout_kills_what_does_not_end_and_says_that_the_state_is_lost(hasty: Client, gate: Gate) -> None:
    result = await hasty.run(STUBBORN + gate.wait, timeout=1)
    value = "execution timed out after 1 s; its worker was killed by SIGKILL, and its variables are lost"
    assert told(result) == [("TimeoutError", value), ("control", "interrupted")]
    assert (result.close_code, result.close_reason) == (4008, "execution timed out after 1 s")
    assert ended(await hasty.run("pass")) == ([RESTARTED, COMPLETED], 1000, "")


async def test_timeout_does_not_count_the_queue(client: Client, gate: Gate) -> None:
    """The second execution waits for the whole timeout of the first, which is as long as its own."""
    async with (
        submitted(client, gate.wait, timeout=1) as first,
        submitted(client, "print(1)", timeout=1) as second,
    ):
        assert (await first.finish()).close_code == 4008
        assert (await second.finish()).stdout == "1\n"


# Interrupt


async def test_interrupted_by_a_client(client: Client, gate: Gate) -> None:
    async with client.running(f"x = 1; print('on'); {gate.wait}") as running:
        await running.until("on")
        assert await interrupt(client, "default") == (200, {"interrupted": True})
        result = await running.finish()
    assert told(result) == [("KeyboardInterrupt", ""), ("control", "interrupted")]
    assert result.error is not None
    assert result.error["traceback"].endswith("KeyboardInterrupt\n")
    assert (result.close_code, result.close_reason) == (1000, "interrupted by a client")
    assert ended(await client.run("print(x)")) == ([stdout("1\n"), COMPLETED], 1000, "")


async def test_interrupted_by_a_client_kills_what_does_not_end(hasty: Client, gate: Gate) -> None:
    async with hasty.running(STUBBORN + gate.wait) as running:
        await running.until("on")
        assert await interrupt(hasty, "default") == (200, {"interrupted": True})
        result = await running.finish()
    value = "interrupted; its worker was killed by SIGKILL, and its variables are lost"
    assert ended(result)[0][1:] == [error("KeyboardInterrupt", value), INTERRUPTED]
    assert (result.close_code, result.close_reason) == (1000, "interrupted by a client")


async def test_an_interrupt_leaves_what_is_queued_alone(client: Client, gate: Gate) -> None:
    async with client.running(f"print('on'); {gate.wait}") as first:
        await first.until("on")
        async with submitted(client, "print(1)") as second:
            await interrupt(client, "default")
            assert told(await first.finish())[-1] == ("control", "interrupted")
            assert ended(await second.finish()) == ([stdout("1\n"), COMPLETED], 1000, "")


async def test_an_interrupt_of_a_context_in_which_nothing_runs_does_nothing(client: Client) -> None:
    context = await client.create()
    assert await interrupt(client, context) == (200, {"interrupted": False})
    assert ended(await client.run("pass", context)) == ([COMPLETED], 1000, "")
    await client.run("exit()", context)
    assert await interrupt(client, context) == (200, {"interrupted": False})
