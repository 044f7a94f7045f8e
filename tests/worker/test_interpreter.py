"""The ends of executions, forked children and the worker, and the state between executions."""

import signal
from pathlib import Path

import pytest
from harness import Gate
from worker_driver import DrivenWorker


def alive(worker: DrivenWorker) -> bool:
    """Return whether the worker still runs code, with a builtin, an import and both streams."""
    ran = worker.run("import sys; print(len('abc')); print('err', file=sys.stderr)")
    assert ran.error is None
    return (ran.stdout, ran.stderr) == ("3\n", "err\n")


class TestEnd:
    @pytest.mark.parametrize("call", ["exit()", "quit()", "exit(3)", "try:\n  exit()\nexcept Exception: pass"])
    def test_exit(self, worker: DrivenWorker, call: str) -> None:
        worker.start(f"import atexit; atexit.register(print, 'bye')\nprint('partial', end='')\n{call}\nprint('never')")
        assert worker.receive() == {"type": "exiting", "id": "1"}
        assert worker.wait() == 0
        assert b"".join(data for _, data in worker.output()) == b"partialbye\n"

    @pytest.mark.parametrize("call", ["sys.exit()", "sys.exit(0)", "sys.exit(C.OK)", "raise SystemExit"])
    def test_sys_exit_ends_the_execution_only(self, edge_worker: DrivenWorker, call: str) -> None:
        code = f"import enum, sys\nclass C(enum.IntEnum):\n  OK = 0\nx = 1\n{call}\nprint('never')"
        assert edge_worker.printed(code) == ""
        assert edge_worker.printed("print(x)") == "1\n"

    @pytest.mark.parametrize(("code", "value"), [("sys.exit(3)", "3"), ("sys.exit('bad')", "bad")])
    def test_sys_exit_with_a_status(self, worker: DrivenWorker, code: str, value: str) -> None:
        error = worker.run(f"import sys; {code}").error
        assert error is not None
        assert (error["name"], error["value"]) == ("SystemExit", value)
        assert alive(worker)

    def test_the_daemon_is_gone(self, worker: DrivenWorker) -> None:
        # The worker waits to be killed: the guard finds the worker's children only while the worker lives.
        worker.channel.shutdown(1)
        assert worker.process.poll() is None
        worker.kill()
        assert worker.process.wait() == -signal.SIGKILL
        assert worker.output() == []


class TestFork:
    def test_a_child_that_returns_does_not_answer(self, worker: DrivenWorker) -> None:
        worker.start("import os\nx = os.fork()\nif x:\n  print(os.waitpid(x, 0)[1], 'parent')\nelse:\n  print('child')")
        assert worker.finish().stdout == "child\n0 parent\n"
        worker.sync()
        assert alive(worker)

    @pytest.mark.parametrize(
        ("code", "status", "stderr"),
        [
            ("1/0", 1, "ZeroDivisionError: division by zero\n"),
            ("sys.exit()", 0, ""),
            ("sys.exit(3)", 3, ""),
            ("sys.exit('bad')", 1, "bad\n"),
            ("exit(4)", 4, ""),
            ("raise KeyboardInterrupt", 1, "KeyboardInterrupt\n"),
        ],
    )
    def test_a_child_ends_as_a_program_does(
        self, edge_worker: DrivenWorker, code: str, status: int, stderr: str
    ) -> None:
        ran = edge_worker.run(
            f"import os, sys\nchild = os.fork()\nif not child:\n  {code}\n"
            "print(os.WEXITSTATUS(os.waitpid(child, 0)[1]))"
        )
        assert (ran.error, ran.stdout) == (None, f"{status}\n")
        assert ran.stderr.endswith(stderr)
        assert bool(ran.stderr) == bool(stderr)
        assert alive(edge_worker)

    def test_a_child_that_cannot_say_how_it_ends(self, edge_worker: DrivenWorker) -> None:
        ran = edge_worker.run(
            "import os, sys\nclass S:\n  def write(self, text): raise KeyboardInterrupt\nchild = os.fork()\n"
            "if not child:\n  sys.stderr = S()\n  1/0\nprint(os.WEXITSTATUS(os.waitpid(child, 0)[1]))"
        )
        assert (ran.error, ran.stdout, ran.stderr) == (None, "1\n", "")
        assert alive(edge_worker)

    def test_a_child_of_a_thread(self, worker: DrivenWorker) -> None:
        # The child's only thread is a copy of the user's thread, and ends by itself.
        ran = worker.run(
            "import os, threading, warnings\nwarnings.simplefilter('ignore')\ndef run():\n  child = os.fork()\n"
            "  if child: print(os.waitpid(child, 0)[1])\nthread = threading.Thread(target=run)\n"
            "thread.start(); thread.join()"
        )
        assert ran.stdout == "0\n"
        assert alive(worker)


class TestLeftovers:
    """The state that one execution leaves does not break the next one."""

    @pytest.mark.parametrize(
        "code",
        [
            "sys.settrace(broken)",
            "sys.setprofile(broken)",
            "threading.settrace(broken); threading.setprofile(broken); sys.settrace(broken); sys.setprofile(broken)",
            "sys.settrace(broken); len(5)",
            "sys.setprofile(broken); len(5)",
            "[sys.setrecursionlimit(n) for n in range(1000, 1, -1)]",
            "[sys.setrecursionlimit(n) for n in range(1000, 20, -1)]; 1/0",
            "sys.stdout.close()",
            "sys.stderr.close()",
            "sys.stdout.close(); sys.stderr.close()",
            "os.close(1)",
            "os.close(2)",
            "os.closerange(0, 21)",
            "sys.stdout.detach()",
            "sys.stderr.detach()",
            "del sys.stdout, sys.stderr",
            "sys.stdout.buffer.close()",
            "del __builtins__",
            "globals().clear()",
            "del sys.modules['__main__']",
            "sys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear()",
            "sys.exit = os.getpid = os.read = os.write = os.fork = None; import time; time.sleep = broken",
            "sys.excepthook = sys.displayhook = broken",
            "os.umask(0o777); os.chdir('/')",
            "gc.disable(); gc.set_threshold(0)",
            "signal.alarm(0); signal.set_wakeup_fd(-1)",
            "import builtins; del builtins.open, builtins.max, builtins.getattr, builtins.OSError",
            "import builtins; builtins.isinstance = builtins.type = builtins.super = broken",
        ],
    )
    def test_next_execution_works(self, edge_worker: DrivenWorker, code: str) -> None:
        ran = edge_worker.run("import gc, os, signal, sys, threading\ndef broken(*args): raise ValueError\n" + code)
        assert ran.message is not None, ran
        assert alive(edge_worker), ran

    def test_without_any_builtins(self, worker: DrivenWorker) -> None:
        worker.run("import builtins\nsaved = dict(vars(builtins))\nfor name in saved: delattr(builtins, name)")
        assert worker.run("print(1)").message is not None
        # Without builtins nothing can be imported, so the error has its name but no traceback.
        error = worker.run("undefined").error
        assert error is not None
        assert error["name"] == "NameError"
        assert worker.run("(lambda: None).__globals__['builtins'].__dict__.update(saved)").error is None
        assert alive(worker)

    def test_the_signals_of_an_interrupt_are_not_blocked(self, edge_worker: DrivenWorker) -> None:
        edge_worker.printed("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())")
        blocked = "blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])"
        assert edge_worker.printed(f"{blocked}; print(*blocked & {{signal.SIGINT, signal.SIGCONT}})") == "\n"

    def test_a_replaced_stdout_stays(self, worker: DrivenWorker) -> None:
        worker.run("import io, sys; sys.stdout = io.StringIO()")
        assert worker.printed("print('hidden')") == ""
        assert worker.printed("text = sys.stdout.getvalue(); sys.stdout = sys.__stdout__; print(text)") == "hidden\n\n"

    def test_a_stdout_made_of_the_old_ones_buffer_stays(self, worker: DrivenWorker) -> None:
        code = "import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='latin-1')"
        worker.printed(code)
        assert worker.run("print('ä')").pieces == [("stdout", b"\xe4\n")]
        assert alive(worker)

    @pytest.mark.parametrize("flush", ["1/0", "raise SystemExit", "exit()", "raise KeyboardInterrupt"])
    def test_a_stdout_that_cannot_be_flushed(self, edge_worker: DrivenWorker, flush: str) -> None:
        code = f"import sys\nclass T:\n  def write(self, text): pass\n  def flush(self): {flush}\nsys.stdout = T()"
        edge_worker.printed(code)
        edge_worker.printed("sys.stdout = sys.__stdout__")
        assert alive(edge_worker)

    def test_stdin_is_still_empty(self, worker: DrivenWorker) -> None:
        worker.printed("import os; os.closerange(0, 21)")
        code = "import subprocess; subprocess.run(['cat']); print(os.readlink('/proc/self/fd/0'))"
        assert worker.printed(code) == "/dev/null\n"

    def test_the_profiler_is_gone(self, worker: DrivenWorker) -> None:
        worker.printed("import sys\nseen = []\nsys.setprofile(lambda *args: seen.append(args))")
        assert worker.printed("count = len(seen)\nlen('')\nprint(len(seen) - count, sys.getprofile())") == "0 None\n"

    def test_background_threads_go_on(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        worker.printed(
            f"import threading\ndef run():\n  {gate.wait}\n  global x; x = 1\n"
            "thread = threading.Thread(target=run); thread.start()"
        )
        gate.open()
        assert worker.printed("thread.join(); print(x)") == "1\n"
        gate.close()
