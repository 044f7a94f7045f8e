"""The worker itself, without a daemon, under every Python found: its messages, and what user code cannot do to it."""

import itertools
import platform
import signal
import sys
from pathlib import Path

import pytest
from harness import Gate
from worker_driver import DrivenWorker, find_pythons, unnamed

# Code that ends only by an interrupt, once it has said that it runs.
ENDLESS = "print('running')\nwhile True: pass"
# Two functions that send SIGINT to their own process at a moment when no user code runs. They are in no cell.
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
# ``interrupt_at(n)`` sends SIGINT before the n-th instruction of what comes to stand between print() and the pipe.
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
    """One interpreter, where versions do not differ."""
    return next(reversed(find_pythons().values()))


def alive(worker: DrivenWorker) -> bool:
    """Whether it still runs code, with a builtin, an import and both streams."""
    ran = worker.run("import sys; print(len('abc')); print('err', file=sys.stderr)")
    assert ran.error is None
    return (ran.stdout, ran.stderr) == ("3\n", "err\n")


class TestMessages:
    def test_ready(self, worker: DrivenWorker) -> None:
        version = next(version for version, path in find_pythons().items() if path == worker.python)
        told = {"type": "ready", "version": 1, "pid": worker.pid}
        assert worker.ready == {**told, "python": worker.ready["python"], "mark": worker.ready["mark"]}
        assert worker.ready["python"].startswith(version + ".")
        if worker.python == sys.executable:
            assert worker.ready["python"] == platform.python_version()

    def test_done(self, worker: DrivenWorker) -> None:
        worker.start("x = 1; print('ä')")
        assert worker.receive() == {"type": "done", "id": "1", "error": None}
        assert worker.output() == [("stdout", "ä\n".encode())]
        assert worker.printed("print(x)") == "1\n"

    def test_error(self, worker: DrivenWorker) -> None:
        error = worker.run("raise ValueError('grüß')").error
        assert error is not None
        assert (error["name"], error["value"]) == ("ValueError", "grüß")
        first = 'Traceback (most recent call last):\n  File "<cell>", line 1, in <module>\n'
        assert unnamed(error["traceback"]).startswith(first)
        assert error["traceback"].endswith("\nValueError: grüß\n")

    def test_configure(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "Übung").mkdir()
        worker.send({"type": "configure", "cwd": str(tmp_path / "Übung"), "envs": {"A": "ä", "B": ""}})
        assert worker.receive() == {"type": "configured"}
        code = "import os; print(os.getcwd(), os.environ['PWD'], os.environ['A'], repr(os.environ['B']))"
        assert worker.printed(code) == f"{tmp_path}/Übung {tmp_path}/Übung ä ''\n"

    def test_configure_a_directory_that_is_gone(self, worker: DrivenWorker, tmp_path: Path) -> None:
        worker.send({"type": "configure", "cwd": f"{tmp_path}/gone", "envs": {}})
        assert worker.receive() == {
            "type": "failed",
            "reason": f"cannot enter {tmp_path}/gone: No such file or directory",
        }

    def test_configure_a_memory_limit(self, worker: DrivenWorker, tmp_path: Path) -> None:
        worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "limits": {"data": 64 << 20}})
        assert worker.receive() == {"type": "configured"}
        assert worker.printed("kept = bytearray(32 << 20); print(len(kept))") == f"{32 << 20}\n"
        for fill in ("bytearray(1 << 30)", "kept = []\nwhile True: kept.append(bytearray(1000))"):
            error = worker.run(fill).error
            assert error is not None
            assert error["name"] == "MemoryError"
            assert fill.splitlines()[-1] in error["traceback"], "there is memory left to tell"
        # What fills all that there is stays, and can be let go.
        worker.printed("del kept")
        child = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'bytearray(1 << 30)']).returncode)"
        assert worker.run(child).stdout == "1\n"

    def test_messages_may_come_together(self, worker: DrivenWorker) -> None:
        execute = b'{"type":"execute","id":"%d","code":"print(%d)","envs":{}}\n'
        worker.channel.sendall(execute % (1, 1) + execute % (2, 2) + b'{"type":"sync"}\n')
        assert [worker.receive() for _ in range(3)] == [
            {"type": "done", "id": "1", "error": None},
            {"type": "done", "id": "2", "error": None},
            {"type": "synced"},
        ]
        assert b"".join(data for _, data in worker.output()) == b"1\n2\n"

    def test_large_code(self, worker: DrivenWorker) -> None:
        assert worker.printed(f"x = {'a' * 5_000_000!r}; print(len(x))") == "5000000\n"


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
        # It waits to be killed together with its children: whoever does that walks down from it.
        worker.channel.shutdown(1)
        assert worker.process.poll() is None
        worker.kill()
        assert worker.process.wait() == -signal.SIGKILL
        assert worker.output() == []


class TestEnvironment:
    def test_it_is_restored(self, worker: DrivenWorker) -> None:
        worker.printed("import os; os.environ['OLD'] = 'old'")
        code = "print(os.environ['OLD'], os.environ['NEW'], flush=True); os.system('echo $OLD $NEW')"
        assert worker.printed(code, OLD="ä", NEW="b") == "ä b\nä b\n"
        assert worker.printed("print(os.environ['OLD'], os.environ.get('NEW'))") == "old None\n"

    def test_also_after_an_error(self, worker: DrivenWorker) -> None:
        assert worker.run("import os; 1/0", NEW="b").error
        assert worker.printed("print(os.environ.get('NEW'))") == "None\n"

    @pytest.mark.parametrize("code", ["os.environ.clear()", "os.environ = {}", "del os.environ['NEW']", "del os"])
    def test_whatever_user_code_did_to_it(self, edge_worker: DrivenWorker, code: str) -> None:
        edge_worker.printed(f"import os; saved = os.environ; {code}", NEW="b")
        assert edge_worker.printed("print(saved.get('NEW'))") == "None\n"

    @pytest.mark.parametrize("name", ["A=B", ""])
    def test_a_name_that_cannot_be(self, worker: DrivenWorker, name: str) -> None:
        assert worker.run("pass", **{"A": "1", name: "2"}).error
        assert worker.printed("import os; print(os.environ.get('A'))") == "None\n"


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

    def test_one_that_user_code_handles(self, worker: DrivenWorker) -> None:
        worker.start(f"try:\n  exec({ENDLESS!r})\nexcept KeyboardInterrupt: print('caught')")
        worker.until("running")
        worker.interrupt()
        ran = worker.finish()
        assert (ran.error, ran.stdout) == (None, "running\ncaught\n")

    def test_one_that_comes_early_is_not_lost(self, worker: DrivenWorker) -> None:
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
    def test_one_between_executions_hits_nothing(self, worker: DrivenWorker, before: str) -> None:
        worker.printed(before)
        for _ in range(5):
            worker.interrupt()
            worker.sync()
            assert alive(worker)

    def test_one_that_user_code_held_back_hits_nothing(self, worker: DrivenWorker) -> None:
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
    def test_one_while_an_error_is_described_does_not_change_it(
        self, edge_worker: DrivenWorker, code: str, shown: str
    ) -> None:
        """The code has ended: with its error, and not with the interrupt."""
        edge_worker.printed(SELF_INTERRUPT)
        ran = edge_worker.run(f"traceback.TracebackException = interrupt\n{code}")
        name, _, value = shown.partition(": ")
        assert ran.error is not None
        assert (ran.error["name"], ran.error["value"]) == (name, value)
        assert ran.error["traceback"].endswith(f"{shown}\n")
        assert "KeyboardInterrupt" not in ran.error["traceback"]
        assert alive(edge_worker)

    def test_one_that_hits_what_shows_an_exception_ends_that(self, edge_worker: DrivenWorker) -> None:
        edge_worker.start(f"class E(Exception):\n  def __str__(self): exec({ENDLESS!r})\nraise E")
        edge_worker.until("running")
        edge_worker.interrupt()
        error = edge_worker.finish().error
        assert error is not None
        assert (error["name"], error["value"]) == ("E", "<the exception could not be shown>")
        assert alive(edge_worker)

    def test_one_at_the_very_end_looks_like_any_other(self, edge_worker: DrivenWorker) -> None:
        """The profiler sees the worker's own first step after the code: before 3.13, which hides it."""
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
    def test_one_in_a_print_leaves_the_streams_whole(self, tmp_path: Path, gate: Gate, before: str) -> None:
        """Whichever of the worker's own instructions it comes before; after a fork the flusher has to be started."""
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
    def test_one_that_python_ignores_comes_again(self, edge_worker: DrivenWorker, swallows: str) -> None:
        """Where an exception has nobody to go to, Python says so and goes on, with KeyboardInterrupt too."""
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

    def test_one_that_python_ignored_does_not_hit_the_next_execution(self, edge_worker: DrivenWorker) -> None:
        edge_worker.printed("import os, signal")
        edge_worker.run("class C:\n  def __del__(self): os.kill(os.getpid(), signal.SIGINT)\nC()")
        assert edge_worker.printed("os.kill(os.getpid(), signal.SIGCONT); print('whole')") == "whole\n"


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
        # Its only thread is the copy of one that user code started, and ends by itself.
        ran = worker.run(
            "import os, threading, warnings\nwarnings.simplefilter('ignore')\ndef run():\n  child = os.fork()\n"
            "  if child: print(os.waitpid(child, 0)[1])\nthread = threading.Thread(target=run)\n"
            "thread.start(); thread.join()"
        )
        assert ran.stdout == "0\n"
        assert alive(worker)


class TestErrors:
    @pytest.mark.parametrize("name", ["BaseException", "GeneratorExit", "KeyboardInterrupt", "StopIteration", "Mine"])
    def test_every_kind_is_reported(self, edge_worker: DrivenWorker, name: str) -> None:
        error = edge_worker.run(f"class Mine(BaseException): pass\nraise {name}('why')").error
        assert error is not None
        assert (error["name"], error["value"]) == (name, "why")
        assert alive(edge_worker)

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ("def __str__(self): 1/0", "E"),
            ("def __str__(self): return 5", "E"),
            ("def __str__(self): raise SystemExit", "E"),
            ("def __str__(self): raise KeyboardInterrupt", "E"),
            ("def __str__(self): return S('x')", "E"),
            ("def __bool__(self): 1/0\n  __len__ = __str__ = __eq__ = __hash__ = __getattribute__ = __bool__", "E"),
            ("__class__ = property(lambda self: 1/0)", "E"),
            ("__traceback__ = __cause__ = __context__ = property(lambda self: 1/0)", "E"),
            ("pass\nE.__name__ = S('Odd')", "Odd"),
            ("pass\nE.__qualname__ = E.__module__ = S('Odd')", "E"),
            ("pass\nE.__module__ = 5", "E"),
        ],
    )
    def test_an_exception_that_cannot_be_shown(self, edge_worker: DrivenWorker, body: str, name: str) -> None:
        evil = "class S(str):\n  def encode(self, *_): 1/0\n  __len__ = __add__ = __format__ = encode"
        error = edge_worker.run(f"{evil}\nclass E(Exception):\n  {body}\nraise E").error
        assert error is not None
        assert error["name"] == name
        assert alive(edge_worker)

    @pytest.mark.parametrize("body", ["5", "1/0", "S('x')"])
    def test_a_metaclass_with_names_of_its_own(self, edge_worker: DrivenWorker, body: str) -> None:
        evil = "class S(str):\n  def encode(self, *_): 1/0"
        meta = f"class M(type):\n  @property\n  def __name__(cls): return {body}"
        error = edge_worker.run(f"{evil}\n{meta}\nclass E(Exception, metaclass=M): pass\nraise E").error
        assert error is not None
        assert error["name"] == "E"
        assert alive(edge_worker)

    def test_a_system_exit_whose_code_raises(self, worker: DrivenWorker) -> None:
        worker.run("class E(SystemExit):\n  code = property(lambda self: 1/0)\nraise E")
        assert alive(worker)

    def test_str_that_raises_reads_as_in_a_traceback(self, worker: DrivenWorker) -> None:
        error = worker.run("class E(Exception):\n  def __str__(self): 1/0\nraise E").error
        assert error is not None
        assert error["value"] == "<exception str() failed>"

    def test_huge_text_is_cut(self, worker: DrivenWorker) -> None:
        error = worker.run(r"raise ValueError('\x01' * 10_000_000 + 'end')").error
        assert error is not None
        assert error["value"].startswith("\1\1\1")
        assert error["value"].endswith("\1end")
        assert "characters cut] ..." in error["value"]
        assert error["traceback"].endswith("\1end\n")
        assert error["traceback"].startswith("Traceback")
        assert "characters cut] ..." in error["traceback"]
        assert len(str(error)) < 1 << 20

    def test_huge_name_is_cut(self, worker: DrivenWorker) -> None:
        error = worker.run("raise type('E' * 1_000_000, (Exception,), {})").error
        assert error is not None
        assert "characters cut" in error["name"]
        assert len(str(error)) < 1 << 20

    def test_deep_recursion(self, worker: DrivenWorker) -> None:
        error = worker.run("def f(): return f()\nf()").error
        assert error is not None
        assert error["name"] == "RecursionError"
        assert error["traceback"].count("in f\n") == 3
        assert "[Previous line repeated 9" in error["traceback"]
        assert alive(worker)

    def test_a_long_chain(self, worker: DrivenWorker) -> None:
        code = "e = None\nfor i in range(3000):\n  n = ValueError(i); n.__cause__ = e; e = n\nraise e"
        error = worker.run(code).error
        assert error is not None
        assert (error["name"], error["value"]) == ("ValueError", "2999")
        assert error["traceback"].endswith("ValueError: 2999\n")
        assert alive(worker)

    def test_a_chain_in_a_circle(self, worker: DrivenWorker) -> None:
        error = worker.run("a = ValueError('a'); b = KeyError('b')\na.__cause__ = b; b.__cause__ = a\nraise a").error
        assert error is not None
        assert error["traceback"].endswith("ValueError: a\n")

    def test_lone_surrogates(self, worker: DrivenWorker) -> None:
        error = worker.run("raise ValueError('\\ud800')").error
        assert error is not None
        assert error["value"] == "\\ud800"

    @pytest.mark.parametrize(
        "code", ["x = (", "x = 1\0", "(" * 5000, "\ud800".encode("utf-8", "replace").decode() + "("]
    )
    def test_code_that_is_no_python(self, worker: DrivenWorker, code: str) -> None:
        assert worker.run(code).error
        assert alive(worker)


class TestLeftovers:
    """What one execution leaves behind does not break the next one."""

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
        # As nothing is left to import with, the error's traceback cannot be shown: its name can.
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


class TestWorkingDirectory:
    def test_files_there_shadow_nothing_of_the_worker(self, worker: DrivenWorker, tmp_path: Path) -> None:
        names = [
            *("json", "worker", "site", "traceback", "linecache", "re", "token", "tokenize", "enum", "signal", "time"),
            *("sitecustomize", "codecs", "types", "contextlib", "textwrap", "keyword", "ast", "__future__", "boot"),
        ]
        for name in names:
            (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')")
        error = worker.run("1/0").error
        assert error is not None
        assert error["traceback"].startswith("Traceback (most recent call last):\n")
        assert alive(worker)

    def test_files_there_can_be_imported(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text("x = 1")
        (tmp_path / "worker.py").write_text("y = 2")
        assert worker.printed("import mine, worker; print(mine.x, worker.y, worker.__name__)") == "1 2 worker\n"
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "other.py").write_text("z = 3")
        assert worker.printed("import os; os.chdir('sub'); import other; print(other.z)") == "3\n"
