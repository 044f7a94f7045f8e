"""An interrupt at any moment."""

import itertools
from pathlib import Path

import pytest
from harness import Gate
from worker_driver import DrivenWorker, find_pythons, unnamed

# Code that prints "running" and then ends only by an interrupt.
ENDLESS = "print('running')\nwhile True: pass"


# Two functions that send SIGINT to their own process while no user code runs. They are not part of a cell.
MEDDLER = """
def interrupt(*args, **keys):
    traceback.TracebackException = real
    os.kill(os.getpid(), signal.SIGINT)
    return real(*args, **keys)
def at_the_end(frame, event, what):
    if event == "c_call" and what is sys.settrace:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)
"""


# ``interrupt_at(n)`` sends SIGINT before the n-th instruction of the worker's code between print() and the pipe.
INTERRUPT_AT = """
import gc, os, signal, sys, time
def interrupt_at(n):
    left = n
    def trace(frame, event, argument):
        nonlocal left
        if not {"streams", "flusher"} & set(frame.f_code.co_filename.strip("<>").split()):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        left -= event == "opcode"
        if left == 0:
            sys.settrace(None)
            os.kill(os.getpid(), signal.SIGINT)
        return trace
    sys.settrace(trace)
(constants,) = [d for d in gc.get_objects() if type(d) is dict and "FLUSH_AFTER_S" in d]
constants["FLUSH_AFTER_S"] = 0.001  # the test waits for it many times
(flusher,) = [thing for thing in gc.get_objects() if type(thing).__name__ == "Flusher"]
"""


SELF_INTERRUPT = f"""
import os, signal, sys, traceback
real = traceback.TracebackException
exec(compile({MEDDLER!r}, "a library", "exec"))
"""


@pytest.fixture
def any_python() -> str:
    """Return the path of one Python; versions do not differ here."""
    return next(reversed(find_pythons().values()))


def alive(worker: DrivenWorker) -> bool:
    """Return whether the worker still runs code, with a builtin, an import and both streams."""
    ran = worker.run("import sys; print(len('abc')); print('err', file=sys.stderr)")
    assert ran.error is None
    return (ran.stdout, ran.stderr) == ("3\n", "err\n")


class TestInterrupt:
    def test_while_code_runs(self, worker: DrivenWorker) -> None:
        worker.start("x = 1\n" + ENDLESS)
        worker.until("running")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
        assert 'File "<cell>"' in unnamed(error["traceback"])
        assert "interpreterd" not in error["traceback"]
        assert worker.printed("print(x)") == "1\n"

    @pytest.mark.parametrize(
        "code",
        [
            "import time; print('running'); time.sleep(1000)",
            "import threading; print('running'); threading.Event().wait()",
            "import subprocess; print('running'); subprocess.run(['sleep', '1000'])",
            "import asyncio; print('running'); asyncio.run(asyncio.sleep(1000))",
            "import os; print('running'); os.read(os.pipe()[0], 1)",
        ],
        ids=["sleep", "lock", "child", "asyncio", "read"],
    )
    def test_while_code_waits(self, any_python: str, tmp_path: Path, code: str) -> None:
        with DrivenWorker(any_python, tmp_path) as worker:
            worker.start(code)
            worker.until("running")
            worker.interrupt()
            error = worker.finish().error
            assert error is not None
            assert error["name"] == "KeyboardInterrupt"

    def test_an_interrupt_that_user_code_handles(self, worker: DrivenWorker) -> None:
        worker.start(f"try:\n  exec({ENDLESS!r})\nexcept KeyboardInterrupt: print('caught')")
        worker.until("running")
        worker.interrupt()
        ran = worker.finish()
        assert (ran.error, ran.stdout) == (None, "running\ncaught\n")

    def test_an_interrupt_that_comes_early_is_not_lost(self, worker: DrivenWorker) -> None:
        worker.interrupt()
        error = worker.run(ENDLESS).error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
        assert alive(worker)

    @pytest.mark.parametrize(
        "before",
        [
            "pass",
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "import threading\ndef spin():\n  while True: pass\nthreading.Thread(target=spin, daemon=True).start()",
            "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])",
            "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)",
        ],
        ids=["idle", "waiting-thread", "busy-thread", "blocked", "default"],
    )
    def test_an_interrupt_between_executions_hits_nothing(self, worker: DrivenWorker, before: str) -> None:
        worker.printed(before)
        for _ in range(5):
            worker.interrupt()
            worker.sync()
            assert alive(worker)

    def test_an_interrupt_that_user_code_held_back_hits_nothing(self, worker: DrivenWorker) -> None:
        worker.start(
            "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); print('running')\n"
            "while signal.SIGINT not in signal.sigpending(): pass"
        )
        worker.until("running")
        worker.interrupt()
        assert worker.finish().error is None
        worker.sync()
        assert alive(worker)

    def test_a_storm(self, worker: DrivenWorker) -> None:
        for _ in range(100):
            worker.start("for _ in range(2000): pass\nprint('end')")
            worker.interrupt()
            ran = worker.finish()
            assert ran.error is None or ran.error["name"] == "KeyboardInterrupt"
            worker.sync()
        assert alive(worker)

    @pytest.mark.parametrize(
        ("code", "shown"),
        [("1 / 0", "ZeroDivisionError: division by zero"), ("sys.exit(3)", "SystemExit: 3")],
        ids=["error", "exit"],
    )
    def test_an_interrupt_while_an_error_is_described_does_not_change_it(
        self, edge_worker: DrivenWorker, code: str, shown: str
    ) -> None:
        """The code has already ended with its error, so the client gets that error."""
        edge_worker.printed(SELF_INTERRUPT)
        ran = edge_worker.run(f"traceback.TracebackException = interrupt\n{code}")
        name, _, value = shown.partition(": ")
        assert ran.error is not None
        assert (ran.error["name"], ran.error["value"]) == (name, value)
        assert ran.error["traceback"].endswith(f"{shown}\n")
        assert "KeyboardInterrupt" not in ran.error["traceback"]
        assert alive(edge_worker)

    def test_an_interrupt_that_hits_the_display_of_an_exception_ends_the_display(
        self, edge_worker: DrivenWorker
    ) -> None:
        edge_worker.start(f"class E(Exception):\n  def __str__(self): exec({ENDLESS!r})\nraise E")
        edge_worker.until("running")
        edge_worker.interrupt()
        error = edge_worker.finish().error
        assert error is not None
        assert (error["name"], error["value"]) == ("E", "<the exception could not be shown>")
        assert alive(edge_worker)

    def test_an_interrupt_at_the_very_end_looks_like_any_other(self, edge_worker: DrivenWorker) -> None:
        """Under Python 3.9 a profiler sees the worker's first step after the code; newer Pythons must show no step."""
        if not edge_worker.ready["python"].startswith("3.9."):
            edge_worker.printed("import sys\nseen = []\nsys.setprofile(lambda *event: seen.append(event))")
            code = "print({frame.f_code.co_name for frame, *_ in seen} - {'<module>', 'first_write'})"
            assert edge_worker.printed(code) == "set()\n"
            return
        edge_worker.printed(SELF_INTERRUPT)
        ran = edge_worker.run("sys.setprofile(at_the_end)")
        assert ran.error is not None
        assert (ran.error["name"], ran.error["value"]) == ("KeyboardInterrupt", "")
        assert ran.error["traceback"].endswith("KeyboardInterrupt\n")
        assert alive(edge_worker)

    @pytest.mark.parametrize(
        "before",
        [
            "if not os.fork(): os._exit(0)\nos.wait()",
            "print(1, file=sys.stderr)\nwhile not flusher._asleep: time.sleep(0.001)",
        ],
        ids=["first", "switching"],
    )
    def test_an_interrupt_in_a_print_leaves_the_streams_whole(self, tmp_path: Path, gate: Gate, before: str) -> None:
        """It may come before any of the worker's instructions. After a fork, a print also starts the flusher."""
        with DrivenWorker(next(iter(find_pythons().values())), tmp_path) as worker:
            worker.printed(INTERRUPT_AT)
            hits = 0
            for number in itertools.count(1):
                ran = worker.run(f"{before}\ninterrupt_at({number})\nprint(2)")
                if ran.error is None:
                    break
                assert ran.error["name"] == "KeyboardInterrupt"
                hits += 1
                worker.sync()
                ordered = worker.run("print('a'); print('b', file=sys.stderr); print('c')")
                assert (number, ordered.both) == (number, "a\nb\nc\n")
                worker.start(f"print('partial', end='')\n{gate.wait}")
                worker.until("partial")
                gate.open()
                assert worker.finish().error is None
        assert hits > 50

    @pytest.mark.parametrize(
        "swallows",
        [
            "class C:\n  def __del__(self): exec(code)\nC()",
            "import weakref\nclass C: pass\nc = C()\nr = weakref.ref(c, lambda _: exec(code))\ndel c",
        ],
        ids=["finalizer", "callback"],
    )
    def test_an_interrupt_that_python_ignores_comes_again(self, edge_worker: DrivenWorker, swallows: str) -> None:
        """Python prints and drops an exception in a finalizer or callback, KeyboardInterrupt too, and goes on."""
        edge_worker.start(f"code = {ENDLESS!r}\n{swallows}\nprint('on')\nwhile True: pass")
        edge_worker.until("running")
        edge_worker.interrupt()
        edge_worker.until("on")
        edge_worker.nudge()
        ran = edge_worker.finish()
        assert ran.error is not None
        assert ran.error["name"] == "KeyboardInterrupt"
        assert "ignored" in ran.stderr
        edge_worker.sync()
        assert alive(edge_worker)

    def test_an_interrupt_that_python_ignored_does_not_hit_the_next_execution(self, edge_worker: DrivenWorker) -> None:
        edge_worker.printed("import os, signal")
        edge_worker.run("class C:\n  def __del__(self): os.kill(os.getpid(), signal.SIGINT)\nC()")
        assert edge_worker.printed("os.kill(os.getpid(), signal.SIGCONT); print('whole')") == "whole\n"
