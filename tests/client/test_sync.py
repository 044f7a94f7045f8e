"""``client.sync``: the blocking client, in any thread; Ctrl-C."""

import asyncio
import gc
import os
import signal
import threading
from pathlib import Path

import pytest
from clients import output_of, program
from harness import gone

from interpreterd.client import Interpreter

MIGRATION_GUIDE = """
# Create context
ctx = daytona.create_interpreter_context(cwd="/my/project")

# Execute in that context
interpreter.execute("print('Hello')", context_id=ctx["id"])

# Clean up when done
daytona.delete_interpreter_context(ctx["id"])
"""


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
    gc.collect()  # a resource that was left open warns now


@pytest.mark.daemon
async def test_a_program_that_forgets_its_daemon(tmp_path: Path) -> None:
    """The program also forks, and runs in an event loop."""
    code = """
import asyncio, os, sys
from interpreterd.client import AsyncInterpreter, Interpreter
async def main():
    global py
    py = Interpreter.local()
    pid = py.execute("import os; print(os.getppid())").stdout.strip()
    if not (child := os.fork()):
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(pid, py.execute("print('lives')").stdout, end="")
asyncio.run(main())
"""
    pid, said = (await output_of(code)).split()
    assert said == "lives"
    await gone(int(pid))


CTRL_C = """
import sys
from interpreterd.client import Interpreter

def say(text):
    print(text, end="", flush=True)

with Interpreter.local("--grace-s", "1000") as py:
    try:
        py.execute(sys.argv[1], timeout=0, on_stdout=say, on_error=lambda error: print(error.name))
    except KeyboardInterrupt:
        print("stopped")
        if len(sys.argv) > 2:
            py.execute(sys.argv[2], on_stdout=say)
"""


@pytest.mark.daemon
async def test_ctrl_c_interrupts_the_code() -> None:
    """The code's last output arrives, and its variables stay. The private daemon gets no Ctrl-C from the terminal."""
    code = "x = 6\ntry:\n    print('go')\n    while True: pass\nfinally:\n    print('tidied')"
    async with program(CTRL_C, code, "print(x * 7)") as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"go\n"
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = await process.communicate()
    assert (rest.decode(), errors) == ("tidied\nKeyboardInterrupt\nstopped\n42\n", b"")


@pytest.mark.daemon
async def test_a_second_ctrl_c_leaves() -> None:
    # No print in the handler: it could interrupt another print, and a print within a print is an error.
    code = (
        "import os, signal\nsignal.signal(signal.SIGINT, lambda *_: os.write(1, b'no\\n'))\n"
        "print('go')\nwhile True: pass"
    )
    async with program(CTRL_C, code) as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"go\n"
        os.killpg(process.pid, signal.SIGINT)
        assert await process.stdout.readline() == b"no\n"
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = await process.communicate()
    assert (rest.decode(), errors) == ("stopped\n", b"")
