"""What the object at a place in code is."""

import pytest
from worker_driver import DrivenWorker
from worker_looks import look

SETUP = """
class A:
    'A class.'
    @property
    def prop(self): print('called')
    def meth(self, arg, *, kw=1) -> str:
        '''What it does.

        More of it.
        '''
def func(a, b=2):
    'Doc.'
    return a
a, number = A(), 5
"""


@pytest.mark.parametrize(
    ("code", "cursor", "name", "signature"),
    [
        ("func", None, "func", "(a, b=2)"),
        ("func(", None, "func", "(a, b=2)"),
        ("func(1, ", None, "func", "(a, b=2)"),
        ("func(number)", 2, "func", "(a, b=2)"),
        ("x = a.meth", None, "a.meth", "(arg, *, kw=1) -> str"),
        ("a.meth + 1", 4, "a.meth", "(arg, *, kw=1) -> str"),
        ("A.meth", None, "A.meth", "(self, arg, *, kw=1) -> str"),
        ("number", 3, "number", None),
    ],
)
def test_the_name_at_the_cursor_is_told(
    worker: DrivenWorker, code: str, cursor: int | None, name: str, signature: str | None
) -> None:
    worker.run(SETUP)
    found = look(worker, "inspect", code, cursor)
    assert (found["found"], found["name"], found["signature"], found["source"]) == (True, name, signature, None)


def test_its_parts(worker: DrivenWorker) -> None:
    worker.run(SETUP)
    method = look(worker, "inspect", "a.meth", detail=1)
    assert (method["type"], method["of"], method["docstring"]) == ("method", "function", "What it does.\n\nMore of it.")
    assert method["source"].startswith("    def meth(self")
    assert method["line"] == 6
    assert method["file"].startswith("<ipython-cell-")
    number = look(worker, "inspect", "number", detail=1)
    assert (number["type"], number["of"], number["value"], number["source"]) == ("int", "value", "5", None)
    assert look(worker, "inspect", "A")["of"] == "class"


@pytest.mark.parametrize("code", ["nothing", "", "1 +", "a.prop", "a.nothing", "'a", "# func", "a[0].x"])
def test_what_cannot_be_told_is_not_found(worker: DrivenWorker, code: str) -> None:
    worker.run(SETUP)
    found = look(worker, "inspect", code)
    assert not found["found"]
    assert {value for key, value in found.items() if key not in ("kind", "found", "name")} == {None}
    assert worker.output() == []


def test_objects_that_raise_are_told_as_far_as_possible(worker: DrivenWorker) -> None:
    worker.run("class A:\n  def __repr__(self): 1 / 0\n  __doc__ = property(lambda self: 1 / 0)\na = A()")
    found = look(worker, "inspect", "a")
    assert (found["found"], found["type"], found["value"], found["docstring"]) == (True, "A", None, None)


def test_long_texts_are_cut(worker: DrivenWorker) -> None:
    worker.run("class A: pass\nA.__doc__ = '\\x01' * 10 ** 6")
    found = look(worker, "inspect", "A")
    assert len(found["docstring"]) < 40_000
