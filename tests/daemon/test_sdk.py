"""The unmodified ``daytona`` package is a client, and works as its documentation promises."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from daytona.common.code_interpreter import ExecutionError, OutputMessage
from daytona.common.errors import (
    DaytonaBadRequestError,
    DaytonaConnectionError,
    DaytonaNotFoundError,
    DaytonaTimeoutError,
)
from harness import Daemon
from sdk import Interpreter, async_interpreter, sync_interpreter

DIALECT = "native"
CLIENT = "Python"


@pytest.fixture(params=[sync_interpreter, async_interpreter], ids=["sync", "async"])
async def sdk(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Interpreter]:
    """Yield a ``CodeInterpreter`` of the shared daemon."""
    async with request.param(url) as interpreter:
        yield interpreter


async def test_returns_output(sdk: Interpreter) -> None:
    """Code returns its output, apart for `stdout` and `stderr`."""
    result = await sdk.run_code("import sys\nprint('out ☃')\nprint('err', file=sys.stderr)")
    assert (result.stdout, result.stderr, result.error) == ("out ☃\n", "err\n", None)


async def test_keeps_state_in_the_default_context(sdk: Interpreter) -> None:
    """The default context keeps its variables."""
    await sdk.run_code("x = 6")
    assert (await sdk.run_code("print(x * 7)")).stdout == "42\n"


async def test_output_comes_while_the_code_runs(sdk: Interpreter, tmp_path: Path) -> None:
    """Output comes while the code runs. The code goes on only after the callback has got its output."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    seen: list[str] = []

    def on_stdout(message: OutputMessage) -> None:
        seen.append(message.output)
        if message.output == "before\n":
            fifo.write_text("go on")

    result = await sdk.run_code(f"print('before'); print(open({str(fifo)!r}).read())", on_stdout=on_stdout)
    assert seen[0] == "before\n"
    assert result.stdout == "".join(seen) == "before\ngo on\n"


async def test_callbacks(sdk: Interpreter) -> None:
    """Callbacks get output and the error."""
    stdout: list[OutputMessage] = []
    stderr: list[OutputMessage] = []
    errors: list[ExecutionError] = []
    result = await sdk.run_code(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nint('x')",
        on_stdout=stdout.append,
        on_stderr=stderr.append,
        on_error=errors.append,
    )
    assert "".join(message.output for message in stdout) == "out\n"
    assert "".join(message.output for message in stderr) == "err\n"
    assert errors == [result.error]


async def test_error(sdk: Interpreter) -> None:
    """An exception has its name, value and traceback."""
    result = await sdk.run_code("def divide(a, b):\n    return a / b\n\ndivide(1, 0)")
    assert result.error is not None
    assert (result.error.name, result.error.value) == ("ZeroDivisionError", "division by zero")
    assert "in divide" in result.error.traceback
    assert "return a / b" in result.error.traceback


async def test_environment_is_for_one_execution(sdk: Interpreter) -> None:
    """Environment variables are for one execution."""
    code = "import os; print(os.environ.get('GREETING'))"
    assert (await sdk.run_code(code, envs={"GREETING": "hello"})).stdout == "hello\n"
    assert (await sdk.run_code(code)).stdout == "None\n"


async def test_timeout(sdk: Interpreter) -> None:
    """A timeout interrupts the code, and the context keeps its variables."""
    seen: list[str] = []
    errors: list[ExecutionError] = []
    await sdk.run_code("x = 'kept'")
    with pytest.raises(DaytonaTimeoutError, match="timed out"):
        await sdk.run_code(
            "print('started')\nwhile True: pass",
            timeout=1,
            on_stdout=lambda message: seen.append(message.output),
            on_error=errors.append,
        )
    assert seen == ["started\n"]
    assert [error.name for error in errors] == ["TimeoutError"]
    assert (await sdk.run_code("print(x)")).stdout == "kept\n"


async def test_no_timeout(sdk: Interpreter) -> None:
    """The timeout 0 means none."""
    assert (await sdk.run_code("print(1)", timeout=0)).stdout == "1\n"


async def test_contexts(sdk: Interpreter, tmp_path: Path) -> None:
    """Contexts are created, used apart from each other, listed without the default one, and deleted."""
    one = await sdk.create_context(cwd=str(tmp_path))
    two = await sdk.create_context()
    assert (one.cwd, one.language, one.active) == (str(tmp_path), "python", True)
    await sdk.run_code("x = 1")
    await sdk.run_code("x = 2", context=one)
    assert (await sdk.run_code("import os; print(x, os.getcwd())", context=one)).stdout == f"2 {tmp_path}\n"
    other = await sdk.run_code("print(x)", context=two)
    assert other.error is not None
    assert other.error.name == "NameError"
    assert (await sdk.run_code("print(x)")).stdout == "1\n"

    assert [context.id for context in await sdk.list_contexts()] == [one.id, two.id]
    await sdk.delete_context(one)
    assert [context.id for context in await sdk.list_contexts()] == [two.id]
    with pytest.raises(DaytonaNotFoundError, match=f"Context not found: {one.id}"):
        await sdk.delete_context(one)
    with pytest.raises(DaytonaConnectionError, match=rf"context not found: {one.id} \(close code 1008\)"):
        await sdk.run_code("print(1)", context=one)


async def test_context_needs_a_directory(sdk: Interpreter, tmp_path: Path) -> None:
    """A directory that is not there is an error that names it."""
    with pytest.raises(DaytonaBadRequestError, match="Working directory does not exist"):
        await sdk.create_context(cwd=str(tmp_path / "missing"))


async def test_context_restarts_after_exit(sdk: Interpreter) -> None:
    """The next code after `exit()` runs in a new Python."""
    context = await sdk.create_context()
    await sdk.run_code("x = 1", context=context)
    assert (await sdk.run_code("exit()", context=context)).error is None
    assert [context.active for context in await sdk.list_contexts()] == [False]
    result = await sdk.run_code("print('x' in globals())", context=context)
    assert (result.stdout, result.error) == ("False\n", None)


async def test_death_of_the_worker_is_an_error(sdk: Interpreter) -> None:
    """The death of the context's Python is an error; the next code runs in a new one."""
    result = await sdk.run_code("print('last words')\nimport os; os._exit(3)")
    assert result.stdout == "last words\n"
    assert result.error is not None
    assert (result.error.name, result.error.value) == ("WorkerDied", "exit status 3")
    assert (await sdk.run_code("print('back')")).stdout == "back\n"


async def test_much_output(sdk: Interpreter) -> None:
    """All output arrives, however much."""
    result = await sdk.run_code("print('é' * 3_000_000)\nfor _ in range(20_000): print('x' * 99)")
    assert result.stdout == "é" * 3_000_000 + "\n" + ("x" * 99 + "\n") * 20_000


async def test_deletion_of_a_busy_context(sdk: Interpreter) -> None:
    """The deletion of a context ends its code with an error."""
    context = await sdk.create_context()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def delete() -> None:
        await started.wait()
        await sdk.delete_context(context)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(delete())
        with pytest.raises(DaytonaConnectionError, match=rf"context deleted: {context.id} \(close code 1001\)"):
            await sdk.run_code(
                "print('started')\nwhile True: pass",
                context=context,
                on_stdout=lambda message: loop.call_soon_threadsafe(started.set) and None,
            )


@pytest.mark.parametrize("interpreter", [sync_interpreter, async_interpreter])
async def test_shutdown(interpreter: Callable[[str], Any], daemon: Daemon) -> None:
    """The end of the daemon ends code with an error."""

    def on_stdout(message: OutputMessage) -> None:
        daemon.process.terminate()

    async with interpreter(daemon.url) as sdk:
        with pytest.raises(DaytonaConnectionError, match=r"server is shutting down \(close code 1001\)"):
            await sdk.run_code("print('started')\nwhile True: pass", on_stdout=on_stdout)
    assert await daemon.ended() == 0


async def test_below_the_path_of_a_proxy(start_daemon: Callable[..., Awaitable[Daemon]]) -> None:
    """A base path serves the SDK, which puts a sandbox's id before the API's own path."""
    daemon = await start_daemon("--base-path", "/toolbox/sandbox-1")
    for interpreter in (sync_interpreter, async_interpreter):
        async with interpreter(daemon.url + "/toolbox/sandbox-1") as sdk:
            context = await sdk.create_context()
            assert (await sdk.run_code("print('here')", context=context)).stdout == "here\n"
