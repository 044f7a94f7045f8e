"""The reasons are sentences for people."""

from worker_driver import DrivenWorker
from worker_modules import told


def test_every_kind_has_its_words_and_a_way_out(worker: DrivenWorker) -> None:
    code = """
unsaveable = own("unsaveable")
it = [name for name, (what, way_out) in unsaveable.KINDS.items()
      if "." not in name or what.endswith(".") or way_out.endswith(".") or len(what + way_out) > 120]
"""
    assert told(worker, code) == []


def test_a_reason_is_short_whatever_an_error_says(worker: DrivenWorker) -> None:
    code = """
reason_of = own("unsaveable").reason_of
class Odd(Exception):
    def __str__(self):
        raise SystemExit
it = [reason_of(error) for error in (ValueError("x" * 1000), ValueError(), Odd(), RecursionError(), ImportError("no"),
                                     ModuleNotFoundError("long", name="mine"), KeyError("k"),
                                     TypeError("cannot pickle '_x.Y' object"))]
it[0] = len(it[0])
"""
    assert told(worker, code) == [
        330,
        "ValueError",
        "Odd",
        "it is nested too deeply",
        "ImportError: no",
        "it needs the module mine, which is not there",
        "KeyError: 'k'",
        "objects of _x.Y cannot be saved: make it again",
    ]
