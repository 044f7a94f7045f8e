"""The value of a cell is that of its last expression, and a cell means the same with it as without."""

from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

import pytest
from paths import ROOT

compiling = ModuleType("compiling")
SourceFileLoader("compiling", str(ROOT / "worker" / "compiling.py")).exec_module(compiling)

VALUES: dict[str, Any] = {
    "1+1": 2,
    "x = 5\nx": 5,
    "x = 1; x": 1,
    "x == 1 if 0 else 7": 7,
    "x=3\nx!=4": True,
    "x=3\nx<=4": True,
    "x=3\nx += 1\nx": 4,
    "match = 3\nmatch": 3,
    "import sys; sys is not None": True,
    "ü = 3\n'ü'; ü": 3,
    "1+1 # ;": 2,
    "'a;'": "a;",
    "x=1\n\nx  \n   \n": 1,
    "x = '''a\n'''\nx\n\n\n# c\n": "a\n",
    "(\n1,\n2)": (1, 2),
    "x = [\n1,\n2\n]\nx": [1, 2],
    "[a\nfor a in [1]\nif a]": [1],
    "1 + \\\n2": 3,
    "f'''\na\n'''": "\na\n",
    "'''\nimport x\n'''": "\nimport x\n",
    "len('''\nimport x\n''')": 10,
    "d={}\nd['a']=1\nd['a']": 1,
    "def f():\n  '''doc\nx'''\n  return 3\nf()": 3,
    "for i in [1]:\n i\ni": 1,
    "from __future__ import annotations\n1": 1,
    # Without a value.
    "": None,
    "# c": None,
    "\n\n  \n": None,
    "pass": None,
    "None": None,
    "x = 1": None,
    "a = b = 3": None,
    "x: int = 3": None,
    "x = 1 + \\\n2": None,
    "d={}\nd['a']=1": None,
    "if 1:\n  5": None,
    "assert 1": None,
    "async def f():\n pass": None,
    "1+1;": None,
    "1+1  ; # c": None,
    "x = 1; x;": None,
    "x=1\n1;\n\n# ;": None,
    "'a;';": None,
    "ü = 3; (ü);": None,
}


def evaluated(source: str) -> tuple[Any, dict[str, Any]]:
    """Return the value of a cell, and its namespace."""
    namespace: dict[str, Any] = {}
    codes = compiling.valued(source, "f", 0)
    return [eval(code, namespace) for code in codes][-1], namespace


@pytest.mark.parametrize("source", VALUES)
def test_the_last_expression_is_the_value(source: str) -> None:
    value, namespace = evaluated(source)
    assert value == VALUES[source]
    alone: dict[str, Any] = {}
    exec(source, alone)
    assert namespace.keys() == alone.keys()
    assert namespace.get("__doc__") == alone.get("__doc__")


@pytest.mark.parametrize(
    "source", ["x y", "def f(:\n pass\nx", "x = (\n3", "a\n  b", "x = '''\n", "x\n)", "return 1\n2"]
)
def test_what_is_wrong_is_refused_as_ever(source: str) -> None:
    with pytest.raises(SyntaxError) as expected:
        compile(source, "f", "exec")
    with pytest.raises(SyntaxError) as raised:
        compiling.valued(source, "f", 0)
    assert raised.value.args == expected.value.args


def test_lines_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        evaluated("x = 1\n\n\n1 / (x - 1)")
    assert raised.traceback[-1].lineno == 3


@pytest.mark.parametrize(
    "source", ["pass", "print(1)", "x = 1", "import os", "def f():\n    '''Doc.'''\n", "for x in y:\n  x"]
)
def test_most_cells_are_parsed_once(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def counted(source: str, *arguments: Any) -> Any:
        compiled.append(source)
        return compile(source, *arguments)

    monkeypatch.setattr(compiling, "compile", counted, raising=False)
    compiling.valued(source, "f", 0)
    assert compiled == [source]
