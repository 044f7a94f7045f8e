"""The checks of OpenSandbox's Python SDKs: each gets a ``Box``, whose calls are awaited, of either SDK."""

import asyncio
import pathlib
from datetime import timedelta

import opensandbox.exceptions as wrong
from code_interpreter import SupportedLanguage

PYTHON = SupportedLanguage.PYTHON


class Seen:
    """Handlers that keep what they get, by the SDK's names for them."""

    names = ("init", "stdout", "stderr", "result", "error", "execution_complete")

    def __init__(self):
        self.by_name = {name: [] for name in self.names}
        self.order = []
        self._happened = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def note(self, name, value):
        self.by_name[name].append(value)
        self.order.append(name)
        self._loop.call_soon_threadsafe(self._happened.set)

    async def first(self, name):
        """Return the first value of ``name``, as soon as there is one."""
        while not self.by_name[name]:
            await self._happened.wait()
            self._happened.clear()
        return self.by_name[name][0]


async def raised(awaitable, kind):
    """Return the exception that ``awaitable`` raises; it must be of ``kind``."""
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError("it was not refused")


async def refused(awaitable, status, code):
    error = await raised(awaitable, wrong.SandboxApiException)
    assert error.status_code == status, error
    assert code in str(error) or code == error.error.code, (str(error), error.error)


async def check_life(box):
    """`Sandbox.create` and `CodeInterpreter.create` need no changes, their health checks included."""
    assert (await box.interpreter.is_healthy(), await box.interpreter.ping()) == (True, True)
    assert (await box.sandbox.is_healthy()) is True
    info = await box.sandbox.get_info()
    assert (info.id, info.status.state) == (box.interpreter.id, "Running")


async def check_connect(box):
    """`Sandbox.connect` finds the sandbox; another id is refused."""
    other = await box.connect(box.interpreter.id)
    assert (await other.is_healthy()) is True
    error = await raised(box.connect("nowhere"), wrong.SandboxException)
    assert "not found" in str(error), error


async def check_renew(box):
    """`renew` is confirmed; the sandbox has no end of its own."""
    assert (await box.sandbox.renew(timedelta(hours=1))).expires_at is not None


async def check_endpoints(box):
    """`get_endpoint` tells the daemon's address for its own ports, and the machine's for others."""
    execd = (await box.sandbox.get_endpoint(44772)).endpoint
    assert box.url.endswith(execd)
    assert (await box.sandbox.get_endpoint(8000)).endpoint == execd.rpartition(":")[0] + ":8000"


async def check_output(box):
    """`run` returns what the code has printed, in order, also `stderr`."""
    done = await box.run("import sys; print('out ☃'); print('err', file=sys.stderr)")
    assert ([it.text for it in done.logs.stdout], [it.text for it in done.logs.stderr]) == (["out ☃\n"], ["err\n"])
    assert (done.text, done.error, done.complete.execution_time_in_millis >= 1) == ("out ☃", None, True)
    assert done.id


async def check_much_output(box):
    """All output arrives, however much; whole lines of it are the same lines in `text`."""
    done = await box.run("for number in range(100_000): print(number, 'x' * 50)")
    assert done.text == "\n".join(f"{number} {'x' * 50}" for number in range(100_000))


async def check_result(box):
    """The value of the last expression is a result."""
    done = await box.run("x = 6\nx * 7")
    assert [it.text for it in done.result] == ["42"]
    assert done.execution_count > 0


async def check_error(box):
    """An exception of the code has its name, value and traceback."""
    done = await box.run("def divide(a, b):\n    return a / b\n\ndivide(1, 0)")
    assert (done.error.name, done.error.value) == ("ZeroDivisionError", "division by zero")
    assert any("return a / b" in line for line in done.error.traceback)
    assert done.complete is None


async def check_syntax_error(box):
    """A syntax error is told as an exception."""
    assert (await box.run("x =")).error.name == "SyntaxError"


async def check_handlers(box):
    """Handlers are called while the code runs: init, output, results, errors, completion."""
    seen = Seen()
    await box.run("import sys\nprint('a'); print('b', file=sys.stderr)\n1", handlers=box.handlers(seen))
    assert sorted(seen.order) == ["execution_complete", "init", "result", "stderr", "stdout"]
    assert (seen.order[0], seen.order[-1]) == ("init", "execution_complete")
    assert [it.text for it in seen.by_name["result"]] == ["1"]
    failed = Seen()
    done = await box.run("int('x')", handlers=box.handlers(failed))
    assert failed.by_name["error"] == [done.error]
    assert failed.by_name["execution_complete"] == []


async def check_streaming(box):
    """Output comes before the code ends."""
    fifo, seen = box.fifo(), Seen()
    code = f"print('go', flush=True); print(open({str(fifo)!r}).read())"
    running = asyncio.create_task(box.run(code, handlers=box.handlers(seen)))
    await seen.first("stdout")
    await asyncio.to_thread(fifo.write_text, "on")
    assert (await running).text == "go\non"


async def check_state(box):
    """Code without a context runs in the default one, which keeps its variables."""
    await box.run("y = 20")
    assert (await box.run("print(y + 1)")).text == "21"


async def check_contexts(box):
    """Contexts are created, found, listed, used apart from each other, and deleted."""
    one, two = await box.codes.create_context(PYTHON), await box.codes.create_context(PYTHON)
    await box.run("x = 1", context=one)
    await box.run("x = 2", context=two)
    assert (await box.run("print(x)", context=one)).text == "1"
    assert (await box.codes.get_context(two.id)).language == "python"
    assert {one.id, two.id} <= {it.id for it in await box.codes.list_contexts(PYTHON)}
    await box.codes.delete_context(one.id)
    assert one.id not in {it.id for it in await box.codes.list_contexts(PYTHON)}
    for awaitable in (box.codes.get_context(one.id), box.codes.delete_context(one.id), box.run("1", context=one)):
        await refused(awaitable, 404, "CONTEXT_NOT_FOUND")


async def check_delete_all(box):
    """`delete_contexts` deletes all contexts that this API has made, and no others."""
    made = {(await box.codes.create_context(PYTHON)).id for _ in range(2)}
    other = await box.native_context()
    await box.codes.delete_contexts(PYTHON)
    left = {it.id for it in await box.codes.list_contexts(PYTHON)}
    assert (left & made, other in left) == (set(), True)


async def check_shared(box):
    """A context of another API is found by its id, and shares its variables."""
    context = box.context(await box.native_context("z = 41"))
    assert (await box.run("print(z + 1)", context=context)).text == "42"


async def check_interrupt(box):
    """`interrupt` by the id of the execution or of the context ends the code; the context keeps its variables."""
    context = await box.codes.create_context(PYTHON)
    await box.run("kept = 1", context=context)
    for by_execution in (True, False):
        seen = Seen()
        code = "print('on', flush=True)\nwhile True: pass"
        running = asyncio.create_task(box.run(code, context=context, handlers=box.handlers(seen)))
        await seen.first("stdout")
        execution = await seen.first("init")
        await box.codes.interrupt(execution.id if by_execution else context.id)
        assert (await running).error.name == "KeyboardInterrupt"
    assert (await box.run("print(kept)", context=context)).text == "1"
    await refused(box.codes.interrupt("nothing"), 404, "CONTEXT_NOT_FOUND")


async def check_death(box):
    """The end of the context's Python is an error; the next code runs in a new one."""
    context = await box.codes.create_context(PYTHON)
    assert (await box.run("import os; os._exit(3)", context=context)).error.name == "WorkerDied"
    assert (await box.run("print(1)", context=context)).text == "1"


async def check_input(box):
    """`input()` raises, because no client can answer."""
    assert (await box.run("input()")).error.name == "StdinNotImplementedError"


async def check_languages(box):
    """Other languages are refused by `create_context` and `run`; of them there are no contexts."""
    for language in ("javascript", "java", "go", "bash", "typescript"):
        await refused(box.codes.create_context(language), 400, "NOT_SUPPORTED")
        await refused(box.run("1", language=language), 400, "NOT_SUPPORTED")
        assert await box.codes.list_contexts(language) == []
        await box.codes.delete_contexts(language)


async def check_arguments(box):
    """The SDK refuses what it refuses elsewhere: empty code, a language that is not the context's."""
    context = await box.codes.create_context(PYTHON)
    for awaitable in (box.run("  "), box.run("1", context=context, language="go")):
        await raised(awaitable, wrong.InvalidArgumentException)


async def check_command(box):
    """`commands.run` runs a command of the shell in the foreground: output, status, directory, environment."""
    done = await box.sandbox.commands.run("echo $GREETING; pwd; echo err >&2", opts=box.options(cwd="/", GREETING="hi"))
    assert (done.text, done.logs.stderr[0].text, done.exit_code) == ("hi\n/", "err\n", 0)
    failed = await box.sandbox.commands.run("exit 3")
    assert (failed.exit_code, failed.error.value) == (3, "3")
    assert (await box.sandbox.commands.run(["printf", "%s", "a b$HOME"])).text == "a b$HOME"


async def check_command_timeout(box):
    """A command that runs longer than its timeout is ended."""
    done = await box.sandbox.commands.run("sleep 100", opts=box.options(timeout=timedelta(seconds=1)))
    assert done.error.name == "TimeoutError"


async def check_background(box):
    """`commands.run` runs a command in the background."""
    await box.sandbox.commands.run("true", opts=box.options(background=True))


async def check_files(box):
    """`files` writes and reads files of the sandbox."""
    await box.sandbox.files.write_file(str(pathlib.Path(box.folder) / "a.txt"), "text")


async def check_metrics(box):
    """`get_metrics` tells of the machine."""
    await box.sandbox.get_metrics()


async def check_pause(box):
    """`pause` stops the sandbox for a while."""
    await box.sandbox.pause()


async def check_kill(box):
    """`kill` is confirmed, and ends no context: others may use them."""
    context = await box.codes.create_context(PYTHON)
    await box.sandbox.kill()
    assert (await box.codes.get_context(context.id)).id == context.id
