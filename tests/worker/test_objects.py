"""Objects are looked at without user code; tried here through ``complete``, which shows what was found."""

import pytest
from worker_driver import DrivenWorker
from worker_looks import look


@pytest.mark.parametrize(
    ("made", "code", "found"),
    [
        ("class M(type):\n  meta = 1\nclass A(metaclass=M): own = 1\nx = A", "x.own.rea", ["real"]),
        ("class M(type):\n  meta = ''\nclass A(metaclass=M): pass", "A.meta.uppe", ["upper"]),
        ("class A:\n  __slots__ = ('a', 'unset')\nx = A()\nx.a = 1", "x.a.rea", ["real"]),
        ("class A:\n  __slots__ = ('a', 'unset')\nx = A()", "x.unset.", []),
        ("class A:\n  __dict__ = property(lambda self: print('called'))\nx = A()", "x.nothing.", []),
        ("class A:\n  @staticmethod\n  def s(key): pass\nx = A()", "x.s(ke", ["key="]),
        ("class A:\n  @classmethod\n  def c(cls, key): pass\nx = A()", "x.c(ke", ["key="]),
        ("class A:\n  def m(self, key): pass\nx = A()", "x.m(sel", []),
        ("import datetime\nx = datetime.date(2020, 1, 1)", "x.year.rea", ["real"]),
    ],
)
def test_attributes_are_those_that_are_stored(worker: DrivenWorker, made: str, code: str, found: list[str]) -> None:
    assert worker.run(made).error is None
    assert look(worker, "complete", code)["matches"] == found
    assert worker.output() == []
