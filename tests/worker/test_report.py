"""The names, values and tracebacks of exceptions, as clients get them."""

import re
import subprocess
from pathlib import Path

import pytest
from plain import version_of
from worker_driver import DrivenWorker, clean_environment, unnamed


def alive(worker: DrivenWorker) -> bool:
    """Return whether the worker still runs code, with a builtin, an import and both streams."""
    ran = worker.run("import sys; print(len('abc')); print('err', file=sys.stderr)")
    assert ran.error is None
    return (ran.stdout, ran.stderr) == ("3\n", "err\n")


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


# By name: the code, and the oldest Python that can run it.
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
            # The depth of Python's recursion limit is not part of the form.
            theirs[name] = re.sub(r"repeated \d+ more", "repeated N more", theirs[name])
            error = worker.run(code).error
            assert error is not None
            ours[name] = unnamed(error["traceback"])
            ours[name] = re.sub(r"repeated \d+ more", "repeated N more", ours[name])
        assert ours == theirs

    def test_the_caret_counts_characters(self, worker: DrivenWorker) -> None:
        # Before 3.13 Python counts bytes for a file and characters for a string.
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
