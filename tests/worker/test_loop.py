"""Cells that wait by ``await`` outside functions: one event loop a context, which runs only while such a cell runs."""

import sys

import pytest
from worker_driver import DrivenWorker, unnamed

# Waits until it is cancelled, and tells.
CANCELLED = """
import asyncio
try:
    print("waiting", flush=True)
    await asyncio.Event().wait()
except asyncio.CancelledError:
    print("cancelled")
    raise
finally:
    await asyncio.sleep(0)
    print("cleaned up")
"""


class TestCells:
    def test_all_that_waits_works_outside_functions(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import asyncio, contextlib\n"
            "async def numbers():\n  for i in range(3):\n    await asyncio.sleep(0)\n    yield i\n"
            "@contextlib.asynccontextmanager\n"
            "async def opened():\n  await asyncio.sleep(0)\n  yield 'open'\n  print('closed')"
        )
        assert worker.printed("print(await asyncio.sleep(0, 5))") == "5\n"
        assert worker.printed("x = await asyncio.sleep(0, 6)\nasync for i in numbers(): print(i)") == "0\n1\n2\n"
        assert worker.printed("async with opened() as o:\n  print(o, x)") == "open 6\nclosed\n"
        assert worker.printed("print([i async for i in numbers()], i)") == "[0, 1, 2] 2\n"
        assert worker.shown("x\nawait asyncio.sleep(0, x + 1)\n'end'").stdout == "6\n7\n'end'\n"

    def test_their_errors_are_like_those_of_other_cells(self, worker: DrivenWorker) -> None:
        worker.printed("import asyncio\nasync def f():\n  await asyncio.sleep(0)\n  return 1 / 0")
        ran = worker.run("1\nawait f()")
        assert ran.error is not None
        frames = [line for line in unnamed(ran.error["traceback"]).splitlines() if line.startswith("  File")]
        assert frames == ['  File "<cell>", line 2, in <module>', '  File "<cell>", line 4, in f']
        assert "During" not in ran.error["traceback"]
        assert ran.stderr == ""
        ran = worker.run("raise asyncio.CancelledError('own') if await asyncio.sleep(0, 1) else 0")
        assert ran.error is not None
        assert (ran.error["name"], ran.error["value"]) == ("CancelledError", "own")

    @pytest.mark.parametrize("code", ["def f(): await x", "await x y", "class A: await x", "[await"])
    def test_what_is_wrong_all_the_same_is_refused_as_ever(self, worker: DrivenWorker, code: str) -> None:
        with pytest.raises(SyntaxError) as caught:
            compile(code, "", "exec")
        ran = worker.run(code)
        assert ran.error is not None
        assert ran.error["name"] == "SyntaxError"
        if worker.python == sys.executable:
            assert ran.error["value"].partition(" (")[0] == caught.value.msg

    def test_no_frame_of_the_worker_is_seen(self, worker: DrivenWorker) -> None:
        code = "import asyncio, inspect; await asyncio.sleep(0); print(*[f.function for f in inspect.stack()])"
        assert worker.printed(code) == "<module>\n"
        assert worker.printed(code) == "<module>\n"

    def test_a_generator_is_no_reason_to_run_the_loop(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import asyncio\nasync def numbers():\n  yield 1\nasync def first(x): return [i async for i in x]"
        )
        assert worker.printed("print(asyncio.run(first(i async for i in numbers())))") == "[1]\n"

    def test_asyncio_is_imported_only_for_them(self, worker: DrivenWorker) -> None:
        assert worker.printed("import sys; print('asyncio' in sys.modules)") == "False\n"

    def test_an_exit_ends_the_worker(self, worker: DrivenWorker) -> None:
        message = worker.run("import asyncio\nawait asyncio.sleep(0)\nexit()").message
        assert message is not None
        assert message["type"] == "exiting"

    @pytest.mark.parametrize("end", ["sys.exit(3)", "asyncio.get_running_loop().call_soon(sys.exit, 3)"])
    def test_a_system_exit_ends_the_cell(self, worker: DrivenWorker, end: str) -> None:
        ran = worker.run(f"import asyncio, sys\nx = 1\n{end}\nawait asyncio.sleep(1000)")
        assert ran.error is not None
        assert (ran.error["name"], ran.error["value"]) == ("SystemExit", "3")
        assert worker.printed("print(x, await asyncio.sleep(0, 2))") == "1 2\n"


class TestLoop:
    def test_it_stays_and_runs_only_for_them(self, worker: DrivenWorker) -> None:
        worker.printed("import asyncio\nloop = asyncio.get_running_loop() if await asyncio.sleep(0, 1) else 0")
        assert worker.printed("print(asyncio.run(asyncio.sleep(0, 3)), loop.is_running())") == "3 False\n"
        assert worker.printed("await asyncio.sleep(0); print(asyncio.get_running_loop() is loop)") == "True\n"
        code = "print(asyncio.get_event_loop() is loop, loop.run_until_complete(asyncio.sleep(0, 4)))"
        assert worker.printed(code) == "True 4\n"

    def test_tasks_left_behind_go_on_with_the_next_one(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import asyncio\nasync def work():\n  for i in range(9):\n    await asyncio.sleep(0)\n  return 'done'\n"
            "await asyncio.sleep(0); task = asyncio.create_task(work())"
        )
        assert worker.printed("print(task.done())") == "False\n"
        assert worker.printed("print(await task)") == "done\n"

    def test_a_loop_that_the_program_has_made_is_used(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import asyncio\nloop = asyncio.new_event_loop()\nasyncio.set_event_loop(loop)\nf = loop.create_future()"
        )
        worker.printed("loop.call_soon(f.set_result, 7)")
        assert worker.printed("print(await f, asyncio.get_running_loop() is loop)") == "7 True\n"
        worker.printed("loop.close()")
        assert worker.printed("print(await asyncio.sleep(0, 8))") == "8\n"

    def test_context_variables_stay(self, worker: DrivenWorker) -> None:
        worker.printed("import asyncio, contextvars\nv = contextvars.ContextVar('v', default=0)\nv.set(1)")
        worker.printed("await asyncio.sleep(0)\nassert v.get() == 1\ntoken = v.set(2)")
        assert worker.printed("print(v.get()); v.reset(token); print(v.get())") == "2\n1\n"
        worker.printed("v.set(3)")
        assert worker.printed("print(await asyncio.sleep(0, v.get()))") == "3\n"

    def test_an_asynchronous_generator_goes_on(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import asyncio\nasync def g():\n  try:\n    yield 1\n    yield 2\n  finally:\n    print('end')\na = g()"
        )
        assert worker.printed("print(await a.__anext__())") == "1\n"
        assert worker.printed("print(await a.__anext__())") == "2\n"
        assert worker.printed("await a.aclose()") == "end\n"

    def test_it_is_closed_at_exit_without_a_warning(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import asyncio, warnings\nwarnings.simplefilter('always')\nasync def work():\n  try:\n"
            "    await asyncio.sleep(1000)\n  finally:\n    print('ended')\n"
            "task = asyncio.create_task(work()); await asyncio.sleep(0)"
        )
        ran = worker.run("exit()")
        assert worker.wait() == 0
        assert b"".join(data for _, data in ran.pieces + worker.output()) == b"ended\n"

    def test_a_child_does_not_use_it(self, worker: DrivenWorker) -> None:
        worker.printed("import asyncio, os, sys\nawait asyncio.sleep(0)")
        child = "  print(asyncio.run(asyncio.sleep(0, 'child')), flush=True)\n  os._exit(0)\n"
        assert worker.printed(f"pid = os.fork()\nif not pid:\n{child}_ = os.waitpid(pid, 0)") == "child\n"
        assert worker.printed("print(await asyncio.sleep(0, 'parent'))") == "parent\n"
        worker.printed("import warnings; warnings.simplefilter('ignore')")
        ran = worker.run("pid = os.fork()\nawait asyncio.sleep(0)\nif pid: print(os.waitpid(pid, 0)[1] >> 8)")
        assert (ran.stdout, ran.error) == ("1\n", None)
        assert "cannot wait in the event loop of its parent" in ran.stderr
        assert worker.printed("pid = os.fork()\nif pid: await asyncio.sleep(0); print(os.waitpid(pid, 0)[1])") == "0\n"


class TestInterrupt:
    def test_it_cancels_what_is_awaited(self, worker: DrivenWorker) -> None:
        worker.start("x = 1\n" + CANCELLED)
        worker.until("waiting")
        worker.interrupt()
        ran = worker.finish()
        assert ran.stdout == "waiting\ncancelled\ncleaned up\n"
        assert ran.error is not None
        assert ran.error["name"] == "KeyboardInterrupt"
        traceback = unnamed(ran.error["traceback"])
        assert '  File "<cell>", line 6, in <module>\n    await asyncio.Event().wait()\n' in traceback
        assert "interpreterd" not in traceback
        worker.sync()
        assert worker.printed("print(x, await asyncio.sleep(0, 2))") == "1 2\n"

    @pytest.mark.parametrize(
        "busy",
        [
            "print('busy')\nwhile True: pass",
            "async def f(): busy()\nasyncio.create_task(f()); await asyncio.Event().wait()",
            "asyncio.get_running_loop().call_soon(busy); await asyncio.Event().wait()",
            "import time\nprint('busy')\ntime.sleep(1000)",
        ],
        ids=["cell", "task", "callback", "sleep"],
    )
    def test_code_that_does_not_wait_is_interrupted_too(self, worker: DrivenWorker, busy: str) -> None:
        worker.printed("def busy():\n  print('busy')\n  while True: pass")
        worker.start(f"import asyncio\nawait asyncio.sleep(0)\n{busy}")
        worker.until("busy")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
        worker.sync()
        assert worker.printed("print(await asyncio.sleep(0, 3))") == "3\n"
        assert worker.printed("print(asyncio.run(asyncio.sleep(0, 4)))") == "4\n"

    def test_a_second_one_ends_code_that_goes_on(self, worker: DrivenWorker) -> None:
        worker.start(
            "import asyncio\nprint('waiting')\ntry:\n  await asyncio.sleep(1000)\n"
            "except asyncio.CancelledError:\n  print('stubborn')\n  while True: pass"
        )
        worker.until("waiting")
        worker.interrupt()
        worker.until("stubborn")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"

    def test_code_may_catch_it_and_go_on(self, worker: DrivenWorker) -> None:
        worker.start(
            "import asyncio\nasyncio.get_running_loop().call_soon(print, 'waiting')\n"
            "try: await asyncio.sleep(1000)\nexcept asyncio.CancelledError: x = 5"
        )
        worker.until("waiting")
        worker.interrupt()
        assert worker.finish().error is None
        worker.sync()
        assert worker.printed("print(x)") == "5\n"

    def test_one_that_was_early_is_not_lost(self, worker: DrivenWorker) -> None:
        worker.printed("import asyncio; await asyncio.sleep(0)")
        worker.interrupt()
        error = worker.run("await asyncio.sleep(1000)").error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
