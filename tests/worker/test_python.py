"""A Python that behaves as Python: what user code sees of its module, its tracebacks and its interpreter."""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import Client, Daemon
from worker_driver import DrivenWorker, clean_environment, find_pythons, unnamed

# Name to code, and the oldest version that it needs.
TRACEBACKS: dict[str, tuple[str, tuple[int, int]]] = {
    "plain": ("x = 1\n\n1 / 0\n", (3, 9)),
    "functions": ("def f(x):\n    return g(x) + 1\n\ndef g(x):\n    return 1 / x\n\nf(0)\n", (3, 9)),
    "method": ("class C:\n    def m(self):\n        raise ValueError('grüß 👋')\n\nC().m()\n", (3, 9)),
    "wide line": ("x = '日本', [][0]\n", (3, 9)),
    "subscripts": ("x = {'a': {'b': None}}\nprint(x['a']['b']['c'] + x['a'])\n", (3, 9)),
    "many lines": ("def f(*args):\n    raise KeyError('k')\n\nf(\n    1,\n    2,\n)\n", (3, 9)),
    "lambda and comprehension": ("f = lambda x: [1 / y for y in x]\nf([1, 0])\n", (3, 9)),
    "library": ("import json\njson.loads('{')\n", (3, 9)),
    "library, raised there": ("import textwrap\ntextwrap.shorten(5, 5)\n", (3, 9)),
    "cause": ("try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('bad') from e\n", (3, 9)),
    "cause never raised": ("raise ValueError('bad') from KeyError('never')\n", (3, 9)),
    "context": ("try:\n    {}['a']\nexcept KeyError:\n    1 / 0\n", (3, 9)),
    "no context": ("try:\n    {}['a']\nexcept KeyError:\n    raise ValueError from None\n", (3, 9)),
    "finally": ("try:\n    1 / 0\nfinally:\n    int('x')\n", (3, 9)),
    "message of many lines": ("raise ValueError('one\\ntwo\\n')\n", (3, 9)),
    "class of its own": ("class Odd(Exception):\n    pass\n\nraise Odd(1, 'two')\n", (3, 11)),
    "nested class": ("def f():\n    class Odd(Exception): pass\n    raise Odd\nf()\n", (3, 11)),
    "recursion": ("def f(x):\n    return f(x + 1)\n\nf(0)\n", (3, 9)),
    "exec": ("exec('1\\n1/0')\n", (3, 9)),
    "generator": ("def f():\n    yield 1\n    raise LookupError\n\nlist(f())\n", (3, 9)),
    "assert": ("assert 1 == 2, 'no'\n", (3, 9)),
    "keyboard": ("raise KeyboardInterrupt\n", (3, 9)),
    "base": ("raise BaseException('b')\n", (3, 9)),
    "syntax": ("x = 1\nprint(x\ny = 2\n", (3, 9)),
    "syntax, marked": ("def f():\n    return 1 +\n", (3, 9)),
    "indentation": ("if True:\nx = 1\n", (3, 9)),
    "unclosed string": ("x = 'abc\n", (3, 9)),
    "syntax of code in code": ("compile('x = (', 'other.py', 'exec')\n", (3, 9)),
    "syntax of a module": ("import broken_module\n", (3, 9)),
    "no such module": ("import no_such_module_anywhere\n", (3, 9)),
    "os error": ("open('/does/not/exist')\n", (3, 9)),
    "note": ("e = ValueError('x')\ne.add_note('note one\\nand two')\nraise e\n", (3, 11)),
    "group": (
        """def f():
    1 / 0

try:
    f()
except Exception as e:
    raise ExceptionGroup('outer', [e, ExceptionGroup('inner', [TypeError('t')])])
""",
        (3, 11),
    ),
    "group as a cause": ("raise ValueError('v') from ExceptionGroup('g', [KeyError('k'), OSError(2, 'o')])\n", (3, 11)),
    "except star": ("try:\n    1 / 0\nexcept* ZeroDivisionError:\n    int('x')\n", (3, 11)),
    "suggested name": ("value = 1\nvalu\n", (3, 12)),
    "suggested attribute": ("import sys\nsys.pth\n", (3, 12)),
}


def version_of(python: str) -> tuple[int, int]:
    version = next(version for version, path in find_pythons().items() if path == python)
    major, _, minor = version.partition(".")
    return int(major), int(minor)


class TestPrompt:
    def test_values_of_expressions_are_printed(self, worker: DrivenWorker) -> None:
        assert worker.shown("x = 20\nx + 1\n'ü'\nNone\nfor i in range(2): i\n# nothing").stdout == "21\n'ü'\n0\n1\n"
        assert worker.shown("_").stdout == "1\n"
        assert worker.printed("x") == "", "only where it was asked for"

    def test_what_it_raises_is_told_as_ever(self, worker: DrivenWorker) -> None:
        ran = worker.shown("1\ndef f():\n    return 1 / 0\nf()")
        assert ran.stdout == "1\n"
        assert ran.error is not None
        assert '  File "<cell>", line 4, in <module>\n    f()\n' in unnamed(ran.error["traceback"])
        ran = worker.shown("x y")
        assert ran.error is not None
        assert ran.error["name"] == "SyntaxError"

    def test_features_of_the_future_hold_on(self, worker: DrivenWorker) -> None:
        worker.shown("from __future__ import annotations")
        assert worker.shown("def f(x: nowhere): pass\nf.__annotations__").stdout == "{'x': 'nowhere'}\n"

    def test_how_they_are_shown_is_the_programs(self, worker: DrivenWorker) -> None:
        worker.run("import sys; sys.displayhook = lambda value: print('shown:', value)")
        assert worker.shown("6 * 7").stdout == "shown: 42\n"


class TestTracebacks:
    def test_as_python_prints_them(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "broken_module.py").write_text("x = 1\ndef f(:\n    pass\n")
        script = tmp_path / "script.py"
        ours, theirs = {}, {}
        for name, (code, needs) in TRACEBACKS.items():
            if version_of(worker.python) < needs:
                continue
            script.write_text(code, encoding="utf-8")
            ran = subprocess.run(
                [worker.python, "-S", "-X", "utf8", str(script)],
                capture_output=True,
                encoding="utf-8",
                check=False,
                cwd=tmp_path,
                env=clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
            )
            assert ran.returncode != 0, name
            theirs[name] = ran.stderr.replace(str(script), "<cell>")
            # The depth at which Python gives up is not part of the form.
            theirs[name] = re.sub(r"repeated \d+ more", "repeated N more", theirs[name])
            error = worker.run(code).error
            assert error is not None
            ours[name] = unnamed(error["traceback"])
            ours[name] = re.sub(r"repeated \d+ more", "repeated N more", ours[name])
        assert ours == theirs

    def test_the_caret_counts_characters(self, worker: DrivenWorker) -> None:
        # Before 3.13 Python itself counts bytes when it reads a file, and characters when it is given a string.
        error = worker.run("日本 = 'grüß' 5\n").error
        assert error is not None
        assert unnamed(error["traceback"]).splitlines()[:3] == [
            '  File "<cell>", line 1',
            "    日本 = 'grüß' 5",
            " " * 16 + "^",
        ]

    def test_lines_of_earlier_executions(self, worker: DrivenWorker) -> None:
        worker.printed("def f():\n    return 1 / 0  # in the first\n")
        worker.printed("def g():\n    return f()  # in the second\n")
        error = worker.run("g()").error
        assert error is not None
        lines = [line for line in unnamed(error["traceback"]).splitlines() if not set(line) <= set(" ~^")]
        assert lines == [
            "Traceback (most recent call last):",
            '  File "<cell>", line 1, in <module>',
            "    g()",
            '  File "<cell>", line 2, in g',
            "    return f()  # in the second",
            '  File "<cell>", line 2, in f',
            "    return 1 / 0  # in the first",
            "ZeroDivisionError: division by zero",
        ]

    def test_user_code_formats_them_too(self, worker: DrivenWorker) -> None:
        code = "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    text = traceback.format_exc()\n"
        assert "    1 / 0\n" in worker.printed(code + "print(text)")

    def test_an_error_in_a_thread(self, worker: DrivenWorker) -> None:
        code = "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()\n"
        ran = worker.run(code)
        assert ran.error is None
        assert "t = threading.Thread(target=lambda: 1 / 0)\n" in ran.stderr
        assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")

    def test_a_warning_shows_its_line(self, worker: DrivenWorker) -> None:
        ran = worker.run("import warnings\nwarnings.warn('careful')\n")
        assert unnamed(ran.stderr) == "<cell>:2: UserWarning: careful\n  warnings.warn('careful')\n"

    def test_an_input_is_refused_at_once(self, worker: DrivenWorker) -> None:
        error = worker.run("x = input('name? ')").error
        assert error is not None
        assert error["name"] == "EOFError"
        assert "standard input" in error["value"]
        assert unnamed(error["traceback"]).startswith(
            "Traceback (most recent call last):\n  File \"<cell>\", line 1, in <module>\n    x = input('name? ')\n"
        )
        assert "interpreterd" not in error["traceback"]

    def test_stdin_is_empty(self, worker: DrivenWorker) -> None:
        code = (
            "import sys, subprocess\nprint(repr(sys.stdin.read()), list(sys.stdin), subprocess.run(['cat']).returncode)"
        )
        assert worker.printed(code) == "'' [] 0\n"

    def test_a_password_is_refused(self, worker: DrivenWorker) -> None:
        error = worker.run("import getpass; getpass.getpass()").error
        assert error is not None
        assert error["name"] == "EOFError"


class TestMain:
    """User code lives in a module of its own, which the standard library can look into."""

    def test_name(self, worker: DrivenWorker) -> None:
        assert worker.printed("if __name__ == '__main__': print('main')") == "main\n"
        code = "import sys; x = 5; print(sys.modules['__main__'].x, sys.modules['__main__'].__dict__ is globals())"
        assert worker.printed(code) == "5 True\n"
        code = "class C: pass\ndef f(): pass\nprint(C.__module__, f.__module__, C)"
        assert worker.printed(code) == "__main__ __main__ <class '__main__.C'>\n"
        assert worker.printed("print(sorted(n for n in globals() if n.startswith('__')))").startswith("['__builtins__'")

    def test_pickle(self, worker: DrivenWorker) -> None:
        worker.printed("class Point:\n    def __init__(self, x): self.x = x\ndef double(x): return 2 * x\n")
        code = "import pickle\np, f = pickle.loads(pickle.dumps((Point(3), double)))\nprint(f(p.x), type(p) is Point)"
        assert worker.printed(code) == "6 True\n"

    def test_dataclasses(self, worker: DrivenWorker) -> None:
        worker.printed("from dataclasses import dataclass, field, asdict\n@dataclass\nclass A:\n    x: int = 1\n")
        worker.printed("@dataclass\nclass B(A):\n    ys: 'list[A]' = field(default_factory=list)\n")
        assert worker.printed("b = B(2, [A()])\nprint(b, asdict(b))") == (
            "B(x=2, ys=[A(x=1)]) {'x': 2, 'ys': [{'x': 1}]}\n"
        )

    def test_type_hints(self, worker: DrivenWorker) -> None:
        worker.printed("class A: pass")
        worker.printed("import typing\nclass B:\n    a: 'A'\n    b: 'typing.Optional[B]'\ndef f(a: 'A') -> 'B': ...\n")
        code = (
            "h = typing.get_type_hints(B); print(h['a'] is A, h['b'] == typing.Optional[B], typing.get_type_hints(f))"
        )
        assert worker.printed(code) == "True True {'a': <class '__main__.A'>, 'return': <class '__main__.B'>}\n"

    def test_future_imports_hold(self, worker: DrivenWorker) -> None:
        worker.printed("def before(x: int): pass")
        worker.printed("from __future__ import annotations\nfrom dataclasses import dataclass")
        worker.printed("def after(x: Undefined | None): pass\n@dataclass\nclass C:\n    x: list[Nowhere]\n")
        assert worker.printed("print(before.__annotations__, after.__annotations__, C(1))") == (
            "{'x': <class 'int'>} {'x': 'Undefined | None'} C(x=1)\n"
        )

    @pytest.mark.parametrize("first", ["pass", "import inspect", "import linecache", "from inspect import getsource"])
    def test_sources(self, worker: DrivenWorker, first: str) -> None:
        worker.printed(first)
        function = "def f(x):\n    # why\n    return x\n"
        method = "class A:\n    '''Doc.'''\n    y = 1\n\n    def m(self):\n        return 1\n"
        bare = "class B:\n    z = 1\n"
        nested = "    class Inner:\n        pass\n"
        decorated = "@staticmethod\ndef g():\n    pass\n"
        worker.printed(f"import os\n\n{function}\nx = 1\n")
        worker.printed(f"{bare}{nested}\n\n{method}\n")
        worker.printed(decorated)
        for name, source in {
            "f": function,
            "A": method,
            "A.m": "    def m(self):\n        return 1\n",
            "B": bare + nested,
            "B.Inner": nested,
            "g.__func__": decorated,
        }.items():
            assert worker.printed(f"import inspect; print(inspect.getsource({name}), end='')") == source
        printed = worker.printed("import inspect; print(inspect.getsourcefile(f), inspect.getmodule(f))")
        assert unnamed(printed) == "<cell> <module '__main__'>\n"

    def test_the_newest_of_two_classes(self, worker: DrivenWorker) -> None:
        worker.printed("class A:\n    one = 1\n")
        worker.printed("class A:\n    two = 2\n")
        assert worker.printed("import inspect; print(inspect.getsource(A))") == "class A:\n    two = 2\n\n"

    def test_a_class_of_a_library(self, worker: DrivenWorker) -> None:
        code = "import inspect, json; print(inspect.getsource(json.JSONDecoder).splitlines()[0])"
        assert worker.printed(code) == "class JSONDecoder(object):\n"

    def test_without_a_source(self, worker: DrivenWorker) -> None:
        code = "import inspect\nC = type('C', (), {})\ntry:\n    inspect.getsource(C)\n"
        assert worker.printed(code + "except (OSError, TypeError) as e:\n    print('none')\n") == "none\n"

    def test_asyncio(self, worker: DrivenWorker) -> None:
        code = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 5\n"
        assert worker.printed(code) == ""
        assert worker.printed("print(asyncio.run(f()))") == "5\n"
        assert worker.printed("print(asyncio.run(f()))") == "5\n"

    def test_doctest_and_unittest(self, worker: DrivenWorker) -> None:
        worker.printed("def f():\n    '''\n    >>> f()\n    1\n    '''\n    return 1\n")
        assert worker.printed("import doctest; print(doctest.testmod())") == "TestResults(failed=0, attempted=1)\n"
        worker.printed("import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(f(), 1)\n")
        ran = worker.run("unittest.main(exit=False, argv=['x'])")
        assert ran.error is None
        assert "Ran 1 test" in ran.stderr


class TestProcesses:
    def test_fork_with_functions_of_earlier_executions(self, worker: DrivenWorker) -> None:
        worker.printed("import multiprocessing as mp\nfork = mp.get_context('fork')\ndef square(x): return x * x\n")
        code = "with fork.Pool(2) as pool: print(pool.map(square, range(5)))"
        ran = worker.run(code)
        assert (ran.error, ran.stdout) == (None, "[0, 1, 4, 9, 16]\n")
        code = (
            "queue = fork.SimpleQueue()\ndef put(): queue.put(square(7))\np = fork.Process(target=put)\n"
            "p.start(); print(queue.get()); p.join(); print(p.exitcode)"
        )
        assert worker.run(code).stdout == "49\n0\n"

    @pytest.mark.parametrize("method", ["spawn", "forkserver"])
    def test_importable_functions(self, worker: DrivenWorker, tmp_path: Path, method: str) -> None:
        (tmp_path / "mine.py").write_text(
            "import sys\ndef square(x): return x * x\ndef flags(): return sys.flags.isolated\n"
        )
        code = (
            f"import multiprocessing as mp, mine\ncontext = mp.get_context({method!r})\n"
            "with context.Pool(1) as pool: print(pool.map(mine.square, range(3)), pool.apply(mine.flags))\n"
        )
        ran = worker.run(code)
        assert (ran.error, ran.stdout, ran.stderr) == (None, "[0, 1, 4] 0\n", "")

    def test_futures(self, worker: DrivenWorker) -> None:
        code = (
            "import concurrent.futures as cf, multiprocessing as mp\ndef f(x): return x + 1\n"
            "with cf.ProcessPoolExecutor(1, mp_context=mp.get_context('fork')) as pool:\n"
            "    print(list(pool.map(f, [1, 2])))\n"
        )
        assert worker.run(code).stdout == "[2, 3]\n"

    def test_a_child_python_is_a_plain_one(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "mine.py").write_text("x = 1")
        code = (
            "import subprocess, sys, os\nos.environ['PYTHONPATH'] = 'library'\n"
            "flags = subprocess._args_from_interpreter_flags()\n"
            "subprocess.run([sys.executable, *flags, '-c', 'import mine, site; print(mine.x)'])"
        )
        assert worker.printed(code) == "1\n"


class TestInterpreter:
    """Nothing shows that the worker is one: a plain ``python`` in the same place says the same."""

    SEEN = (
        "import sys, os\n"
        "print(sys.argv, sys.path, sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix)\n"
        "names = [n for n in dir(sys.flags) if n[:2] not in ('__', 'n_')]\n"
        "print([(n, getattr(sys.flags, n)) for n in names if n not in ('count', 'index')])\n"
        "print(sys.flags, tuple(sys.flags), sys.warnoptions, sys._xoptions, sys.dont_write_bytecode, sys.gettrace())\n"
        "print(sys.getrecursionlimit(), sys.stdin.fileno(), sys.stdout.encoding, sys.getfilesystemencoding())\n"
        "print([getattr(f, '__qualname__', type(f).__qualname__) for f in sys.meta_path], len(sys.path_hooks))\n"
        "print(__name__, __doc__, __package__, sys.platform, sys.getswitchinterval(), os.getcwd())\n"
    )

    @staticmethod
    def plain(worker: DrivenWorker, code: str, env: dict[str, str]) -> str:
        """What a plain Python prints that is given ``code`` on its command line, as an empty argv[0] says."""
        ran = subprocess.run(
            [worker.python, "-c", "import sys; sys.argv = ['']\n" + code],
            capture_output=True,
            text=True,
            check=True,
            cwd=worker.cwd,
            env=clean_environment() | env | {"PYTHONIOENCODING": "utf-8"},
        )
        return ran.stdout

    @pytest.mark.parametrize("version", find_pythons())
    @pytest.mark.parametrize(
        "env",
        [
            {},
            {"PYTHONPATH": "/first:/second"},
            {"PYTHONNOUSERSITE": "1"},
            {"PYTHONDONTWRITEBYTECODE": "1"},
        ],
        ids=lambda env: next(iter(env), "plain"),
    )
    def test_no_trace_of_the_worker(self, version: str, env: dict[str, str], tmp_path: Path) -> None:
        with DrivenWorker(find_pythons()[version], tmp_path, env) as worker:
            ours, theirs = worker.printed(self.SEEN), self.plain(worker, self.SEEN, env)
            assert ours.splitlines() == theirs.splitlines()

    def test_modules(self, worker: DrivenWorker) -> None:
        own = "{'worker', 'boot', 'channel', 'streams', 'namespace', 'report', 'system', 'interpreter', 'interpreterd'}"
        code = f"import sys\nprint([n for n in sys.modules if set(n.split('.')) & {own}])"
        assert worker.printed(code) == "[]\n"
        # Nor is it heavy: what is there decides how soon a context is.
        code = "print(set(sys.modules) & {'re', 'enum', 'json', 'threading', 'traceback', 'functools', 'typing'})"
        bare = self.plain(worker, "import sys\n" + code, {})
        if bare == "set()\n":  # no .pth file imports them
            assert worker.printed(code) == bare

    def test_the_script_is_gone(self, worker: DrivenWorker) -> None:
        code = (
            "import os\nprint([os.readlink(f'/dev/fd/{n}') for n in range(3, 900) if os.path.exists(f'/dev/fd/{n}')])"
        )
        assert worker.printed(code) == "[]\n"
        if version_of(worker.python) >= (3, 10):
            assert worker.printed("import sys; print(sys.orig_argv == [sys.executable])") == "True\n"

    def test_children_inherit_no_descriptor(self, worker: DrivenWorker) -> None:
        code = "import os; os.system('ls /proc/self/fd')"
        assert worker.printed(code).split() == ["0", "1", "2", "3"]  # ls itself opens one

    def test_pythonpath(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "mine.py").write_text("x = 'from the path'")
        (tmp_path / "library" / "sitecustomize.py").write_text("import builtins; builtins.customized = True")
        with DrivenWorker(worker.python, tmp_path, {"PYTHONPATH": str(tmp_path / "library")}) as other:
            assert other.printed("import mine; print(mine.x, customized)") == "from the path True\n"

    def test_user_site(self, worker: DrivenWorker, tmp_path: Path) -> None:
        env = {"PYTHONUSERBASE": str(tmp_path)}
        where = subprocess.run(
            [worker.python, "-m", "site", "--user-site"],
            capture_output=True,
            text=True,
            check=False,  # its status says whether the directory exists
            env=clean_environment() | env,
        ).stdout.strip()
        Path(where).mkdir(parents=True)
        Path(where, "mine.py").write_text("x = 'of the user'")
        Path(where, "mine.pth").write_text("import builtins; builtins.from_pth = True\n")
        code = "try:\n    import mine; print(mine.x, from_pth)\nexcept ImportError:\n    print('none')\n"
        theirs = self.plain(worker, code, env)
        assert theirs in ("of the user True\n", "none\n")  # a virtual environment has none
        with DrivenWorker(worker.python, tmp_path, env) as other:
            assert other.printed(code) == theirs

    def test_a_broken_pth_file_does_no_harm(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "sitecustomize.py").write_text("raise RuntimeError('broken')")
        with DrivenWorker(worker.python, tmp_path, {"PYTHONPATH": str(tmp_path)}) as other:
            assert other.run("print(1)").stdout == "1\n"

    @pytest.mark.parametrize("version", find_pythons())
    def test_virtual_environment(self, version: str, tmp_path: Path) -> None:
        subprocess.run([find_pythons()[version], "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
        (site_packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
        (site_packages / "mine.py").write_text("x = 'of the environment'")
        with DrivenWorker(str(tmp_path / "venv" / "bin" / "python"), tmp_path) as worker:
            assert worker.printed("import mine; print(mine.x)") == "of the environment\n"
            assert worker.printed("import sys; print(sys.prefix, sys.prefix != sys.base_prefix)") == (
                f"{tmp_path}/venv True\n"
            )
            code = "import subprocess; subprocess.run([sys.executable, '-c', 'import mine; print(mine.x)'])"
            assert worker.printed(code) == "of the environment\n"
            ours, theirs = worker.printed(self.SEEN), self.plain(worker, self.SEEN, {})
            assert ours.splitlines() == theirs.splitlines()


class TestThroughTheDaemon:
    async def test_a_session(self, client: Client, tmp_path: Path) -> None:
        context = await client.create(cwd=str(tmp_path))
        (tmp_path / "mine.py").write_text("def square(x): return x * x\n")
        first = "import pickle, inspect, mine\nclass Point:\n    def __init__(self, x):\n        self.x = x\n"
        assert (await client.run(first, context)).error is None
        result = await client.run("print(pickle.loads(pickle.dumps(Point(3))).x, mine.square(4))", context)
        assert result.stdout == "3 16\n"
        result = await client.run("print(inspect.getsource(Point), end='')", context)
        assert result.stdout == first.partition("\n")[2]
        result = await client.run("def f():\n    return Point()\n\nf()\n", context)
        assert result.error is not None
        assert result.error["name"] == "TypeError"
        assert '  File "<cell>", line 2, in f\n    return Point()\n' in unnamed(result.error["traceback"])

    async def test_syntax_error(self, client: Client) -> None:
        result = await client.run("x = 1\nprint(x y)\n", await client.create())
        assert result.error is not None
        assert result.error["name"] == "SyntaxError"
        assert unnamed(result.error["traceback"]).startswith('  File "<cell>", line 2\n    print(x y)\n')
        assert "^" in result.error["traceback"]
        assert result.controls == ["completed"]

    async def test_input(self, client: Client) -> None:
        result = await client.run("input()")
        assert result.error is not None
        assert result.error["name"] == "EOFError"
        assert (await client.run("print('next')")).stdout == "next\n"

    async def test_python_of_a_virtual_environment(
        self, start_daemon: Callable[..., Awaitable[Daemon]], tmp_path: Path, pythons: dict[str, str]
    ) -> None:
        command = [next(iter(pythons.values())), "-m", "venv", "--without-pip", str(tmp_path / "venv")]
        await asyncio.to_thread(subprocess.run, command, check=True)
        (site_packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
        (site_packages / "mine.py").write_text("x = 'of the environment'")
        daemon = await start_daemon("--python", str(tmp_path / "venv" / "bin" / "python"))
        async with Client(daemon.url) as client:
            result = await client.run("import mine, sys; print(mine.x, sys.prefix)")
            assert result.stdout == f"of the environment {tmp_path}/venv\n"

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    async def test_multiprocessing(self, client: Client, tmp_path: Path, method: str) -> None:
        (tmp_path / "mine.py").write_text("def square(x):\n    print('child', x, flush=True)\n    return x * x\n")
        context = await client.create(cwd=str(tmp_path))
        result = await client.run(
            f"import multiprocessing as mp, mine\nwith mp.get_context({method!r}).Pool(1) as pool:\n"
            "    print(pool.map(mine.square, [1, 2]))\n",
            context,
        )
        assert (result.error, result.stdout) == (None, "child 1\nchild 2\n[1, 4]\n")
        assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
