"""Completion by the live namespace: what is found, where it goes, and that no property is called."""

from typing import Any

import pytest
from plain import version_of
from worker_driver import DrivenWorker
from worker_looks import look, start_look

SETUP = """
import json, collections
alpha = 1
über = 2
d = {'key one': 1, 'kä': {'in': 'x'}}
class A:
    klass = 1
    def __init__(self): self.inst = 1
    @property
    def prop(self): print('called')
    def __getattr__(self, name): print('called')
    def meth(self, arg, *, kw=1) -> str: 'doc'
class Slots:
    __slots__ = ('slot',)
a, s = A(), Slots()
s.slot = 'text'
def f(param, other=1): pass
"""


def completed(worker: DrivenWorker, code: str, cursor: int | None = None) -> dict[str, Any]:
    found = look(worker, "complete", code, cursor)
    assert found["kind"] == "complete"
    return found


@pytest.mark.parametrize(
    ("code", "start", "found"),
    [
        ("al", 0, {"all", "alpha"}),
        ("a.", 2, {"inst", "klass", "meth", "prop"}),
        ("x = a.me", 6, {"meth"}),
        ("a.inst.rea", 7, {"real"}),
        ("s.slot.up", 7, {"upper"}),
        ("json.du", 5, {"dump", "dumps"}),
        ("json . du", 7, {"dump", "dumps"}),
        ("d['k", 3, {"key one", "kä"}),
        ("d['kä']['in'].star", 14, {"startswith"}),
        ("f(par", 2, {"param="}),
        ("f(1, oth", 5, {"other="}),
        ("a.meth(1, k", 10, {"kw="}),
        ("import jso", 7, {"json"}),
        ("import os.pat", 10, {"path"}),
        ("import json, collec", 13, {"collections"}),
        ("from json import du", 17, {"dump", "dumps"}),
        ("from email import mi", 18, {"mime"}),
        ("from wsgiref.util import File", 25, {"FileWrapper"}),
        ("'abc'.up", 6, {"upper"}),
        ("[1, 2].app", 7, {"append"}),
        ("A().me", 4, {"meth"}),
        ("a.meth(1).up", 10, {"upper"}),
        ("f'{alph", 3, {"alpha"}),
        ("f'{1}{alph", 6, {"alpha"}),
        ("über", 0, {"über"}),
        ("# al", 4, set()),
        ("'al", 1, set()),
        ("12", 2, set()),
        ("nothing.", 8, set()),
        ("for x in alph", 9, {"alpha"}),
        ("x = 'a\nalph", 7, {"alpha"}),
        ("lambd", 0, {"lambda"}),
        ("len(alph", 4, {"alpha"}),
        ("f'{d[\"k", 6, {"key one", "kä"}),
    ],
)
def test_what_may_stand_there_is_found(worker: DrivenWorker, code: str, start: int, found: set[str]) -> None:
    assert worker.run(SETUP).error is None
    answer = completed(worker, code)
    names = [name for name in answer["matches"] if not name.startswith(("json", "collections"))]
    if found & {"json", "collections"}:  # the machine may have more of them
        assert found <= set(answer["matches"])
    else:
        assert set(names) == found
    assert (answer["cursorStart"], answer["cursorEnd"]) == (start, len(code))
    assert (len(answer["types"]), answer["omitted"]) == (len(answer["matches"]), 0)
    assert worker.output() == []


def test_the_cursor_may_be_anywhere(worker: DrivenWorker) -> None:
    worker.run("alpha = 'ü'")
    code = "😀 = 1; alp.x + 2"
    assert (completed(worker, code, 10)["matches"], completed(worker, code, 10)["cursorStart"]) == (["alpha"], 7)
    assert "alpha" in completed(worker, "", 0)["matches"]


def test_each_match_has_its_type(worker: DrivenWorker) -> None:
    worker.run(SETUP)
    found = completed(worker, "")
    types = dict(zip(found["matches"], found["types"], strict=True))
    told = {name: types[name] for name in ("json", "A", "f", "alpha", "if", "len", "int")}
    assert told == {
        "json": "module",
        "A": "class",
        "f": "function",
        "alpha": "instance",
        "if": "keyword",
        "len": "function",
        "int": "class",
    }
    assert completed(worker, "f(oth")["types"] == ["param"]


def test_private_names_come_when_they_are_asked_for(worker: DrivenWorker) -> None:
    worker.run("class A: _own = __very = 1\na = A()")
    assert completed(worker, "a.")["matches"] == []
    assert "_own" in completed(worker, "a._")["matches"]
    assert "__class__" in completed(worker, "a.__")["matches"]


def test_names_are_bounded(worker: DrivenWorker) -> None:
    worker.run("globals().update({f'name{n:06}': n for n in range(100_000)})")
    found = completed(worker, "name")
    assert (len(found["matches"]), found["omitted"]) == (1000, 99_000)
    worker.run("globals().update({'wide' + '\\x7f' * 900 + str(n): n for n in range(500)})")
    found = completed(worker, "wide")
    assert len(found["matches"]) + found["omitted"] == 500
    assert 0 < len(found["matches"]) < 200


def test_an_object_that_cannot_list_its_names_has_those_that_are_stored(worker: DrivenWorker) -> None:
    worker.run("class A:\n  klass = 1\n  def __dir__(self): 1 / 0\na = A()\na.inst = 1")
    assert completed(worker, "a.")["matches"] == ["inst", "klass"]


def test_an_endless_listing_can_be_interrupted(worker: DrivenWorker) -> None:
    worker.run("class A:\n  def __dir__(self):\n    print('here', flush=True)\n    while True: pass\na = A()")
    start_look(worker, "complete", "a.")
    worker.until("here")
    worker.interrupt()
    message = worker.finish().message
    assert message is not None
    assert message["error"]["name"] == "KeyboardInterrupt"
    assert "found" not in message
    worker.sync()
    assert worker.printed("print(1)") == "1\n"


def test_files_complete_within_a_string(worker: DrivenWorker) -> None:
    (worker.cwd / "data.csv").touch()
    (worker.cwd / "dates").mkdir()
    assert completed(worker, "open('dat")["matches"] == ["data.csv", "dates/"]
    assert completed(worker, f"open('{worker.cwd}/data")["matches"] == ["data.csv"]


def test_a_module_is_not_imported_to_complete(worker: DrivenWorker) -> None:
    (worker.cwd / "mine.py").write_text("print('imported')\ndef made(): pass\nclass Maker: pass\nmark = 1\n")
    found = completed(worker, "from mine import ma")
    assert dict(zip(found["matches"], found["types"], strict=True)) == {"made": "function", "mark": "instance"}
    assert "mine" in completed(worker, "import min")["matches"]
    assert worker.output() == []
    if version_of(worker.python) >= (3, 10):
        assert "sqrt" in completed(worker, "from math import sq")["matches"]


def test_modules_of_the_same_names_in_the_directory_do_no_harm(worker: DrivenWorker) -> None:
    for name in ("inspect", "ast", "keyword", "codeop", "pkgutil", "re"):
        (worker.cwd / f"{name}.py").write_text("raise SystemExit")
    worker.run("def f(param): pass")
    assert completed(worker, "f(par")["matches"] == ["param="]
    assert look(worker, "inspect", "f")["signature"] == "(param)"
    assert look(worker, "isComplete", "def f():")["status"] == "incomplete"
