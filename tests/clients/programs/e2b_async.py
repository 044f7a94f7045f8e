"""E2B's Python SDK, on asyncio."""

import asyncio
import contextlib
import os
import tempfile

from checks import main
from e2b_code import CLASSES, DRAWINGS, FORMATS, KEY, RICH, directed, drawing, raises, waiting_for
from e2b_code_interpreter import AsyncSandbox, Context, NotFoundException, SandboxException, TimeoutException

DIALECT = "e2b"
CLIENT = "Python (async)"


@contextlib.asynccontextmanager
async def setup(url):
    with directed(url):
        sandbox = await AsyncSandbox.create()
        yield sandbox
        await sandbox.kill()


async def check_value(sandbox):
    """`run_code` returns the value of the last expression as text, a `str` without its quotes."""
    assert (await sandbox.run_code("x = 1; x + 1")).text == "2"
    assert (await sandbox.run_code("'a string'")).text == "a string"


async def check_state(sandbox):
    """Variables stay, in the default context and in each other one."""
    await sandbox.run_code("kept = 1")
    assert (await sandbox.run_code("kept += 1; kept")).text == "2"


async def check_callbacks(sandbox):
    """`on_stdout`, `on_stderr`, `on_result` and `on_error` are called with what comes."""
    came = []

    async def note(it):
        came.append(it)

    code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay(2)\n1 / 0"
    await sandbox.run_code(code, on_stdout=note, on_stderr=note, on_result=note, on_error=note)
    assert sorted(type(it).__name__ for it in came) == ["ExecutionError", "OutputMessage", "OutputMessage", "Result"]
    assert type(came[-1]).__name__ == "ExecutionError"


async def check_streaming(sandbox):
    """Output arrives while the code runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "go")

        async def go_on(message):
            await asyncio.to_thread(lambda: open(path, "w").close())

        execution = await sandbox.run_code(waiting_for(path), on_stdout=go_on, timeout=30)
    assert execution.logs.stdout == ["waiting\n", "done\n"]


async def check_contexts(sandbox):
    """Contexts are made, listed with the default one first and the newest last, restarted and removed."""
    context = await sandbox.create_code_context()
    listed = await sandbox.list_code_contexts()
    assert (listed[0].id, listed[-1].id, listed[-1].cwd) == ("default", context.id, context.cwd)
    await sandbox.run_code("x = 1", context=context)
    await sandbox.restart_code_context(context)
    assert (await sandbox.run_code("x", context=context)).error.name == "NameError"
    await sandbox.remove_code_context(context.id)
    assert context.id not in [it.id for it in await sandbox.list_code_contexts()]


async def check_unknown_context(sandbox):
    """A context that does not exist raises `NotFoundException`."""
    with raises(NotFoundException, "Context nope not found"):
        await sandbox.run_code("1", context=Context("nope", "python", "/"))


async def check_parallel(sandbox):
    """Contexts run at the same time, and the executions of one context one after the other."""
    one, other = await asyncio.gather(sandbox.create_code_context(), sandbox.create_code_context())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "go")
        begun = asyncio.Event()

        async def note(message):
            begun.set()

        waits = asyncio.create_task(sandbox.run_code(waiting_for(path), context=one, on_stdout=note))
        await begun.wait()
        later = asyncio.create_task(sandbox.run_code("1", context=one))
        assert (await sandbox.run_code(f"open({path!r}, 'w').close(); 2", context=other)).text == "2"
        assert [(await it).execution_count for it in (waits, later)] == [1, 2]


async def check_gone(sandbox):
    """A client that goes away interrupts its code; the next code runs at once."""
    context = await sandbox.create_code_context()
    begun = asyncio.Event()

    async def note(message):
        begun.set()

    running = asyncio.create_task(
        sandbox.run_code("import time\nprint(1)\ntime.sleep(60)", context=context, on_stdout=note)
    )
    await begun.wait()
    running.cancel()
    assert (await sandbox.run_code("2", context=context, timeout=30)).text == "2"


async def check_ended_context(sandbox):
    """A restart ends running code with `ContextRestarting`, a removal with `UnexpectedEndOfExecution`."""
    for end, name in (
        (sandbox.restart_code_context, "ContextRestarting"),
        (sandbox.remove_code_context, "UnexpectedEndOfExecution"),
    ):
        context = await sandbox.create_code_context()
        begun = asyncio.Event()

        async def note(message, begun=begun):
            begun.set()

        code = "import time\nprint(1)\ntime.sleep(60)"
        running = asyncio.create_task(sandbox.run_code(code, context=context, on_stdout=note))
        await begun.wait()
        await end(context)
        assert (await running).error.name == name


async def check_timeout(sandbox):
    """`timeout` raises `TimeoutException` and interrupts the code; variables stay, and the next code runs at once."""
    context = await sandbox.create_code_context()
    await sandbox.run_code("kept = 5", context=context)
    with raises(TimeoutException, "Execution timed out"):
        await sandbox.run_code("import time; time.sleep(60)", context=context, timeout=1)
    assert (await sandbox.run_code("kept", context=context, timeout=30)).text == "5"


async def check_envs(sandbox):
    """`envs` hold for one execution; a value may have quotes, and lines keep their numbers."""
    assert (await sandbox.run_code("import os; os.getenv('FOO')", envs={"FOO": "it's"})).text == "it's"
    assert (await sandbox.run_code("os.getenv('FOO', 'default')")).text == "default"


async def check_formats(sandbox):
    """A result has each of its formats: text, html, markdown, svg, png, jpeg, pdf, latex, json, javascript, others."""
    (result,) = (await sandbox.run_code(RICH)).results
    assert list(result.formats()) == [*FORMATS, "application/x-more"]


async def check_charts(sandbox):
    """Figures of matplotlib have `png` and `chart`, of the types line, scatter, bar, pie, box, superchart, unknown."""
    for kind in DRAWINGS:
        (result,) = (await sandbox.run_code(drawing(kind))).results
        assert (type(result.chart).__name__, bool(result.png)) == (CLASSES[kind], True)


async def check_languages(sandbox):
    """A language that is not there raises `SandboxException`, which names it."""
    with raises(SandboxException, "the language java is not available here"):
        await sandbox.run_code("1", language="java")


async def check_connect(sandbox):
    """`Sandbox.connect` finds the same contexts and variables; `is_running` and `kill` answer."""
    await sandbox.run_code("shared = 6")
    other = await AsyncSandbox.connect(sandbox.sandbox_id)
    assert (await other.run_code("shared")).text == "6"
    assert await other.is_running()
    assert await other.kill()


async def check_sandbox_url(sandbox):
    """`Sandbox.create(debug=True, sandbox_url=…)` needs no variables."""
    url = os.environ.pop("E2B_SANDBOX_URL")
    try:
        made = await AsyncSandbox.create(debug=True, sandbox_url=url, api_key=KEY)
        assert (await made.run_code("1")).text == "1"
    finally:
        os.environ["E2B_SANDBOX_URL"] = url


if __name__ == "__main__":
    main(globals())
