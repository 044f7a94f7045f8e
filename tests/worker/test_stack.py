"""User code sees no frame of the worker: its stack and tracebacks are those of a plain Python."""

import pytest
from worker_driver import DrivenWorker, unnamed

# ``frames()`` returns the names of the calling functions, outermost first.
FRAMES = """
import sys
def frames():
    frame, names = sys._getframe(1), []
    while frame is not None:
        names.insert(0, frame.f_code.co_name)
        frame = frame.f_back
    return names
"""


class TestCallers:
    @pytest.mark.parametrize(
        ("code", "names"),
        [
            ("print(frames())", "['<module>']"),
            ("def f(): return frames()\nprint(f())", "['<module>', 'f']"),
            ("print(next(map(lambda x: frames(), [1])))", "['<module>', '<lambda>']"),
            ("exec('print(frames())')", "['<module>', '<module>']"),
            ("import inspect; print([frame.function for frame in inspect.stack()])", "['<module>']"),
            ("import asyncio\nasync def f(): return frames()[0]\nprint(asyncio.run(f()))", "<module>"),
            ("class A:\n  def __del__(self): print(frames())\na = A(); del a", "['<module>', '__del__']"),
        ],
    )
    def test_a_cell_has_no_caller(self, worker: DrivenWorker, code: str, names: str) -> None:
        worker.printed(FRAMES)
        assert worker.printed(code) == f"{names}\n"

    def test_an_interactive_cell_has_no_caller(self, worker: DrivenWorker) -> None:
        worker.printed(FRAMES)
        assert worker.shown("frames()").stdout == "['<module>']\n"

    def test_a_cell_after_an_error_has_no_caller(self, worker: DrivenWorker) -> None:
        worker.printed(FRAMES)
        for code in ("1 / 0", "x y", "import os\npid = os.fork()\nif not pid: raise ValueError\nos.wait()"):
            worker.run(code)
            assert worker.printed("print(frames())") == "['<module>']\n"

    def test_a_hook_for_errors_has_no_caller(self, worker: DrivenWorker) -> None:
        worker.printed(FRAMES + "def hook(*what): print(frames())\nsys.excepthook = hook")
        assert worker.run("1 / 0").stdout == "['hook']\n"

    def test_print_stack(self, worker: DrivenWorker) -> None:
        ran = worker.run("import traceback\ntraceback.print_stack()")
        assert unnamed(ran.stderr) == '  File "<cell>", line 2, in <module>\n    traceback.print_stack()\n'

    def test_a_warning_for_the_caller_of_a_cell(self, worker: DrivenWorker) -> None:
        """As in a program, the stack ends there and Python attributes the warning to sys."""
        ran = worker.run("import warnings\nwarnings.warn('careful', stacklevel=2)\nwarnings.warn('x', stacklevel=9)")
        assert [line.partition(": ")[2] for line in ran.stderr.splitlines()] == [
            "UserWarning: careful",
            "UserWarning: x",
        ]
        assert "interpreterd" not in ran.stderr

    @pytest.mark.parametrize(
        "setting",
        ["sys.settrace(hook)", "sys.setprofile(hook)", "sys.settrace(hook); sys.setprofile(hook)"],
    )
    @pytest.mark.parametrize("last", ["1 / 0", "len('')", "(lambda: 1 / 0)()", "raise StopIteration", "sys.exit(3)"])
    def test_a_tracer_that_is_left_behind_harms_nothing(self, worker: DrivenWorker, setting: str, last: str) -> None:
        plain = worker.run(last if "sys" not in last else f"import sys\n{last}").error
        worker.printed("import sys\nseen = []\ndef hook(*event):\n    seen.append(event[1])\n    return hook")
        error = worker.run(f"{setting}\n{last}").error
        assert (error is None) == (plain is None)
        if error is not None and plain is not None:
            assert (error["name"], error["value"]) == (plain["name"], plain["value"])
        assert worker.printed("print(sys.gettrace(), sys.getprofile())") == "None None\n"

    def test_a_debugger_stays_out_of_the_worker(self, worker: DrivenWorker) -> None:
        debug = (
            "import io, pdb\nout = io.StringIO()\n"
            "debugger = pdb.Pdb(stdin=io.StringIO('where\\nup\\nn\\nn\\nn\\nn\\nn\\n'), stdout=out, nosigint=True)\n"
            "debugger.use_rawinput = False\n"
        )
        worker.printed(debug)
        ran = worker.run("debugger.set_trace()\nx = 1\ny = 2\n")
        assert ran.error is None or ran.error["name"] == "BdbQuit"
        printed = worker.printed("print(out.getvalue())")
        assert "*** Oldest frame" in printed
        assert "interpreterd" not in printed
        assert "y = 2" in printed


class TestLastError:
    def test_is_where_debuggers_look_for_it(self, worker: DrivenWorker) -> None:
        worker.run("def f():\n    secret = 4711\n    return 1 / 0\nf()")
        code = (
            "import sys, traceback\nprint(sys.last_type.__name__, sys.last_value)\n"
            "print(getattr(sys, 'last_exc', sys.last_value) is sys.last_value)\n"
            "print([f.name for f in traceback.extract_tb(sys.last_traceback)])\n"
            "print(sys.last_traceback is sys.last_value.__traceback__)"
        )
        assert worker.printed(code) == "ZeroDivisionError division by zero\nTrue\n['<module>', 'f']\nTrue\n"
        post_mortem = (
            "import io, pdb\nout = io.StringIO()\n"
            "debugger = pdb.Pdb(stdin=io.StringIO('p secret\\nwhere\\nup\\nup\\nq\\n'), stdout=out, nosigint=True)\n"
            "debugger.use_rawinput = False\ndebugger.reset()\ndebugger.interaction(None, sys.last_traceback)\n"
            "print(out.getvalue())"
        )
        printed = worker.printed(post_mortem)
        assert "4711" in printed
        assert "*** Oldest frame" in printed
        assert "interpreterd" not in printed

    def test_of_a_syntax_error(self, worker: DrivenWorker) -> None:
        worker.run("x y")
        assert worker.printed("import sys; print(sys.last_type, sys.last_traceback)") == "<class 'SyntaxError'> None\n"

    def test_is_no_exit(self, worker: DrivenWorker) -> None:
        worker.run("import sys; sys.exit(3)")
        assert worker.printed("print(hasattr(sys, 'last_value'))") == "False\n"

    def test_is_kept_by_nothing_else(self, worker: DrivenWorker) -> None:
        """The function's locals are freed at once with the exception: no cycle waits for the garbage collector."""
        worker.printed(
            "import gc, sys, weakref\ngc.disable()\nclass Big: pass\n"
            "def f():\n    global seen\n    big = Big(); seen = weakref.ref(big)\n    1 / 0\n"
        )
        worker.run("f()")
        assert worker.printed("print(seen() is None)") == "False\n"
        worker.printed("del sys.last_value, sys.last_traceback\nif hasattr(sys, 'last_exc'): del sys.last_exc")
        assert worker.printed("print(seen() is None)") == "True\n"
        worker.run("f()")
        worker.run("int('x')")
        assert worker.printed("print(seen() is None)") == "True\n"

    def test_after_an_interrupt_is_kept_by_nothing_else(self, worker: DrivenWorker) -> None:
        worker.printed("import gc, sys, weakref\ngc.disable()\nclass Big: pass\n")
        worker.start(
            "def f():\n    big = Big(); global seen; seen = weakref.ref(big)\n"
            "    print('on')\n    while True: pass\nf()"
        )
        worker.until("on")
        worker.interrupt()
        assert worker.finish().error is not None
        worker.run("int('x')")
        assert worker.printed("print(seen() is None)") == "True\n"

    def test_an_exception_that_refuses(self, worker: DrivenWorker) -> None:
        """A user's class may override attribute access, so the worker does not read its attributes."""
        odd = "class Odd(Exception):\n    def __setattr__(self, *a): raise TypeError\n    __traceback__ = 7\n"
        error = worker.run(odd + "raise Odd('x')").error
        assert error is not None
        assert error["name"] == "Odd"
        assert worker.printed("print(1)") == "1\n"


class TestWarnings:
    def test_each_execution_shows_its_own(self, worker: DrivenWorker) -> None:
        code = "import warnings\nfor i in range(3): warnings.warn('old')"
        first, second = worker.run(code).stderr, worker.run(code).stderr
        assert first.count("UserWarning: old") == 1
        assert second == first

    def test_also_those_of_functions_defined_before(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import warnings\ndef f(): warnings.warn('old')\ndef g(): warnings.warn('my caller', stacklevel=2)"
        )
        for call in ("f()", "g()", "warnings.warn('up', stacklevel=2)"):
            assert worker.run(call).stderr.count("Warning") == 1
            assert worker.run(call).stderr.count("Warning") == 1

    def test_what_the_program_has_turned_off_stays_off(self, worker: DrivenWorker) -> None:
        worker.printed("import warnings; warnings.simplefilter('ignore')")
        assert worker.run("warnings.warn('x')").stderr == ""


class TestHook:
    """The program sets ``sys.excepthook``."""

    def test_is_called_and_the_error_comes_too(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import sys\ndef hook(kind, value, frames):\n"
            "    print(kind.__name__, value, value.__traceback__ is frames, frames.tb_frame.f_code.co_name)\n"
            "sys.excepthook = hook"
        )
        ran = worker.run("1 / 0")
        assert ran.stdout == "ZeroDivisionError division by zero True <module>\n"
        assert ran.error is not None
        assert ran.error["name"] == "ZeroDivisionError"
        assert worker.run("raise KeyboardInterrupt('mine')").stdout.startswith("KeyboardInterrupt mine True")
        assert worker.run("sys.exit(3)").stdout == "", "Python does not call it for that one"

    def test_is_called_for_what_cannot_be_compiled(self, worker: DrivenWorker) -> None:
        worker.printed("import sys\nsys.excepthook = lambda kind, value, frames: print(kind.__name__, frames)")
        ran = worker.run("x y")
        assert ran.stdout == "SyntaxError None\n"
        assert ran.error is not None

    @pytest.mark.parametrize("own", ["sys.__excepthook__", "sys.excepthook"])
    def test_pythons_own_is_not(self, worker: DrivenWorker, own: str) -> None:
        worker.printed(f"import sys; sys.excepthook = {own}")
        ran = worker.run("1 / 0")
        assert (ran.stdout, ran.stderr) == ("", "")

    def test_no_hook(self, worker: DrivenWorker) -> None:
        worker.printed("import sys; del sys.excepthook")
        assert worker.run("1 / 0").error is not None
        assert worker.printed("print(1)") == "1\n"

    @pytest.mark.parametrize("end", ["sys.exit(3)", "exit()", "raise SystemExit"])
    def test_a_hook_that_exits_ends_only_itself(self, worker: DrivenWorker, end: str) -> None:
        worker.printed(f"import sys\ndef hook(*what):\n    print('hook')\n    {end}\nsys.excepthook = hook")
        ran = worker.run("1 / 0")
        assert ran.error is not None
        assert (ran.stdout, ran.stderr, ran.error["name"]) == ("hook\n", "", "ZeroDivisionError")

    def test_a_hook_that_raises_is_reported(self, worker: DrivenWorker) -> None:
        worker.printed("import sys\ndef hook(*what):\n    raise LookupError('mine')\nsys.excepthook = hook")
        ran = worker.run("1 / 0")
        assert ran.error is not None
        assert ran.error["name"] == "ZeroDivisionError"
        assert ran.stderr.startswith("Error in sys.excepthook:\nTraceback (most recent call last):\n")
        assert "LookupError: mine\n\nOriginal exception was:\nTraceback" in ran.stderr
        assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")
        assert "interpreterd" not in ran.stderr

    @pytest.mark.parametrize("hook", ["5", "hook(*a)", "next(iter(()))"])
    def test_a_hook_that_cannot_work(self, worker: DrivenWorker, hook: str) -> None:
        body = "sys.excepthook = 5" if hook == "5" else f"def hook(*a): {hook}\nsys.excepthook = hook"
        worker.printed(f"import sys\n{body}")
        ran = worker.run("1 / 0")
        assert ran.error is not None
        assert ran.error["name"] == "ZeroDivisionError"
        assert ran.stderr.startswith("Error in sys.excepthook:\n")
        assert worker.printed("print(1)") == "1\n"

    def test_an_interrupt_ends_one_that_does_not_end(self, worker: DrivenWorker) -> None:
        worker.printed("import sys\ndef hook(*what):\n    print('hook')\n    while True: pass\nsys.excepthook = hook")
        worker.start("1 / 0")
        worker.until("hook")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "ZeroDivisionError"
        assert worker.printed("print(1)") == "1\n"

    def test_a_forked_child_calls_it_too(self, worker: DrivenWorker) -> None:
        worker.printed("import os, sys\nsys.excepthook = lambda kind, *more: print('child', kind.__name__, flush=True)")
        ran = worker.run("if not os.fork(): 1 / 0\nprint(os.wait()[1] >> 8)")
        assert (ran.stdout, ran.stderr, ran.error) == ("child ZeroDivisionError\n1\n", "", None)

    def test_those_for_threads_and_finalizers(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import sys, threading\nthreading.excepthook = lambda args: print('thread', args.exc_type.__name__)\n"
            "sys.unraisablehook = lambda args: print('ignored', args.exc_type.__name__)\n"
            "class A:\n    def __del__(self): 1 / 0\n"
        )
        code = "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()\na = A(); del a"
        assert worker.printed(code) == "thread ZeroDivisionError\nignored ZeroDivisionError\n"


class TestFileNames:
    def test_are_made_of_the_source(self, worker: DrivenWorker) -> None:
        """A library that caches a function's results on disk finds them in later executions, contexts and daemons."""
        source = "def f(): pass\nprint(f.__code__.co_filename)"
        name = worker.printed(source)
        assert worker.printed(source) == name
        assert worker.printed(source + "\n") != name
        with DrivenWorker(worker.python, worker.cwd) as another:
            another.printed("x = 1")
            assert another.printed(source) == name

    def test_of_a_long_session_are_forgotten_as_ever(self, worker: DrivenWorker) -> None:
        worker.printed("import linecache, inspect")
        big = "x = '" + "a" * (5 << 20) + "'"
        for number in range(5):
            worker.printed(f"{big}  # {number}")
        cells = "sum(name.startswith('<ipython-cell-') for name in linecache.cache)"
        assert int(worker.printed(f"print({cells})")) < 6
        for _ in range(5):
            worker.printed(f"{big}  # same")
        assert worker.printed("def f():\n    return 1\nprint(inspect.getsource(f))") == "def f():\n    return 1\n\n"
