"""The user's ``__main__`` is a real module whose functions and classes have sources; and the prompt's rules."""

import pytest
from worker_driver import DrivenWorker, unnamed


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


class TestMain:
    """User code lives in its own module, and the standard library can inspect it."""

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
