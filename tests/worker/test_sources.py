"""The sources of user code: any line ending, and classes that are made anywhere."""

import pytest
from worker_driver import DrivenWorker, unnamed

BOM = "\ufeff"


class TestText:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
    @pytest.mark.parametrize("mark", ["", BOM], ids=["plain", "BOM"])
    def test_lines_end_as_they_like(self, worker: DrivenWorker, end: str, mark: str) -> None:
        source = "import inspect, linecache\ndef f(x):\n    '''One\n    two.'''\n    return 1 / x\n\nx = 2\n"
        assert worker.printed(mark + source.replace("\n", end)) == ""
        assert worker.printed("print(x, f.__doc__.split())") == "2 ['One', 'two.']\n"
        assert worker.printed("print(inspect.getsource(f), end='')") == source[26:-7]
        assert worker.printed("print(linecache.getlines(f.__code__.co_filename))") == f"{source.splitlines(True)}\n"
        error = worker.run(f"{mark}y = 1{end}f(0){end}").error
        assert error is not None
        lines = [line for line in unnamed(error["traceback"]).splitlines() if not set(line) <= set(" ~^")]
        assert lines[1:5] == [
            '  File "<cell>", line 2, in <module>',
            "    f(0)",
            '  File "<cell>", line 5, in f',
            "    return 1 / x",
        ]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
    def test_a_syntax_error_shows_its_line(self, worker: DrivenWorker, end: str) -> None:
        error = worker.run(f"{BOM}x = 1{end}print(x y){end}").error
        assert error is not None
        assert unnamed(error["traceback"]).startswith('  File "<cell>", line 2\n    print(x y)\n')

    def test_a_mark_is_no_part_of_it_where_it_is_alone(self, worker: DrivenWorker) -> None:
        assert worker.printed(BOM) == ""
        assert worker.shown(f"{BOM}6 * 7").stdout == "42\n"
        error = worker.run(f"x = 1\n{BOM}").error
        assert error is not None, "elsewhere it is an error, as in a file"

    def test_other_characters_end_no_line(self, worker: DrivenWorker) -> None:
        worker.printed(
            "import inspect\ndef f():\n    \f\n    x = 'a\x1cb\x85c\u2028d'  # form feed, others\n"
            "    return x\n\f\ng = 1\n"
        )
        assert worker.printed("print(inspect.getsourcelines(f)[0][-1])") == "    return x\n\n"
        error = worker.run("x = 'a\x0bb\u2029'\n\n1 / 0").error
        assert error is not None
        assert "line 3, in <module>\n    1 / 0\n" in error["traceback"]


class TestClasses:
    @pytest.mark.parametrize("first", ["pass", "import inspect"])
    def test_made_in_functions(self, worker: DrivenWorker, first: str) -> None:
        worker.printed(first)
        local = "    class Local:\n        x = 1\n"
        deepest = "            class Deep:\n                y = 2\n"
        deep = f"        @staticmethod\n        def make():\n{deepest}            return Deep\n"
        worker.printed(f"def make():\n{local}    return Local\nasync def other():\n    pass\n")
        worker.printed(f"class Outer:\n    class Inner:\n{deep}")
        for made, source in {
            "make()": local,
            "Outer.Inner.make()": deepest,
            "Outer.Inner": "    class Inner:\n" + deep,
        }.items():
            assert worker.printed(f"import inspect; print(inspect.getsource({made}), end='')") == source, made

    def test_of_the_same_name_as_a_function(self, worker: DrivenWorker) -> None:
        worker.printed("def make():\n    class A:\n        x = 1\n    return A\nlocal = make()")
        worker.printed("class A:\n    y = 2\n")
        assert (
            worker.printed("import inspect; print(inspect.getsource(local), end='')") == "    class A:\n        x = 1\n"
        )
        assert worker.printed("print(inspect.getsource(A), end='')") == "class A:\n    y = 2\n"

    @pytest.mark.parametrize(
        "odd",
        [
            "type('C', (), {'__module__': None})",
            "type('C', (), {'__module__': 5})",
            "type('C', (), {'x': Evil()})",
            "Meta('C', (), {})",
            "type('', (), {})",
            "Proxy()",
            "5",
        ],
    )
    def test_odd_ones_are_answered_as_python_does(self, worker: DrivenWorker, odd: str) -> None:
        worker.printed(
            "import inspect\nclass Evil:\n    def __getattr__(self, name): raise LookupError(name)\n"
            "    def __eq__(self, other): raise LookupError\n    __hash__ = object.__hash__\n"
            "class Meta(type):\n    @property\n    def __module__(cls): raise AttributeError('none')\n"
            "class Proxy:\n    __class__ = type\n"
        )
        code = f"try:\n    print(inspect.getfile({odd}))\nexcept (TypeError, OSError):\n    print('none')"
        assert worker.printed(code) == "none\n"
        assert worker.printed("class A: pass\nprint(inspect.getsource(A))") == "class A: pass\n\n"


class TestShadows:
    """A file in the user's directory has the name of a module of the standard library."""

    NAMES = ("traceback", "linecache", "tokenize", "token", "warnings", "ast", "re", "textwrap")

    @pytest.mark.parametrize("imported", [False, True], ids=["there", "imported"])
    @pytest.mark.parametrize("name", NAMES)
    def test_errors_are_shown_all_the_same(self, worker: DrivenWorker, name: str, imported: bool) -> None:
        (worker.cwd / f"{name}.py").write_text("x = 'mine'")
        if imported:
            worker.printed(f"import sys\nsys.modules.pop({name!r}, None)\nimport {name}\nassert {name}.x")
        error = worker.run("def f():\n    return 1 / 0\nf()").error
        assert error is not None
        assert unnamed(error["traceback"]).startswith(
            'Traceback (most recent call last):\n  File "<cell>", line 3, in <module>\n'
        )
        assert error["traceback"].endswith("\nZeroDivisionError: division by zero\n")
        code = (
            "import sys, _thread\nimport threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()\n"
        )
        ran = worker.run(code)
        if ran.error is None:  # threading itself imports the user's warnings, as in any Python
            assert ran.stderr.startswith("Exception in thread Thread-1")
            assert "line 3, in <lambda>" in ran.stderr
            assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")
        if imported:
            assert worker.printed(f"print({name}.x, sys.modules[{name!r}] is {name})") == "mine True\n"

    def test_a_source_that_is_no_module(self, worker: DrivenWorker) -> None:
        (worker.cwd / "traceback.py").write_text("raise SystemExit('never')")
        ran = worker.run("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()\n")
        assert ran.error is None
        assert "t = threading.Thread(target=lambda: 1 / 0)\n" in ran.stderr
        assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")

    def test_without_any_module_that_shows_errors_the_lines_are_told(self, worker: DrivenWorker) -> None:
        worker.printed("import sys\nsys.path_hooks.clear(); sys.path_importer_cache.clear(); sys.meta_path.clear()")
        worker.printed("for name in ('traceback', 'ast', 'tokenize', 'linecache'): sys.modules[name] = None")
        error = worker.run("def f():\n    return 1 / 0\nf()").error
        assert error is not None
        assert unnamed(error["traceback"]) == (
            'Traceback (most recent call last):\n  File "<cell>", line 3, in <module>\n  File "<cell>", line 2, in f\n'
            "ZeroDivisionError: division by zero\n"
        )

    def test_no_hook_is_seen_where_modules_are_found(self, worker: DrivenWorker) -> None:
        assert "worker" not in worker.printed("import sys; print(sys.meta_path, sys.path_hooks)")
        assert worker.printed("print(sys.stdout.write.__name__)") == "write\n"
