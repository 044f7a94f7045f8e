"""Expressions are evaluated after the cell, and none disturbs the cell or the others."""

from publishing import bundles, ran, told
from worker_driver import DrivenWorker

from interpreterd.model.displays import Evaluated


def evaluated(worker: DrivenWorker, code: str, **expressions: str) -> dict[str, Evaluated]:
    """Return what has become of expressions, by their names."""
    events = told(worker, code, expressions=expressions)
    return {it.name: it for it in events if isinstance(it, Evaluated)}


def test_an_expression_sees_what_the_cell_has_done(worker: DrivenWorker) -> None:
    found = evaluated(worker, "x = 20", double=" 2 * x", text="'a' * 3")
    assert {name: it.data for name, it in found.items()} == {
        "double": {"text/plain": "40"},
        "text": {"text/plain": "'aaa'"},
    }


def test_an_expression_that_fails_is_told_and_the_others_go_on(worker: DrivenWorker) -> None:
    found = evaluated(worker, "import sys", a="nobody", b="1 +", c="sys.exit()", d="1")
    errors = {name: it.error.name for name, it in found.items() if it.error is not None}
    assert errors == {"a": "NameError", "b": "SyntaxError", "c": "SystemExit"}
    assert found["d"].data == {"text/plain": "1"}
    wide = evaluated(worker, "", a="1 / 0 if '\U0001f600' else 0", b="int('\U0001f600' * 50_000)")
    assert wide["b"].error is not None
    assert wide["b"].error.name == "ValueError"


def test_a_value_is_shown_as_any_other(worker: DrivenWorker) -> None:
    code = "class A:\n    def _repr_html_(self): return '<b>'\n    def __repr__(self): return 'a'"
    assert evaluated(worker, code, a="A()")["a"].data == {"text/plain": "a", "text/html": "<b>"}


def test_after_an_exception_there_are_none(worker: DrivenWorker) -> None:
    done = ran(worker, "1 / 0", expressions={"a": "1"})
    assert done.error is not None
    assert bundles(done) == []


def test_they_leave_no_last_value(worker: DrivenWorker) -> None:
    ran(worker, "5")
    evaluated(worker, "pass", a="6")
    assert [it.data for it in bundles(ran(worker, "_"))] == [{"text/plain": "5"}]


def test_an_interrupt_ends_them(worker: DrivenWorker) -> None:
    code = "def f():\n    print('here', flush=True)\n    while True: pass"
    worker._ids += 1
    message = {"type": "execute", "id": str(worker._ids), "code": code, "envs": {}, "expressions": {"a": "f()"}}
    worker.send(message)
    worker.until("here")
    worker.interrupt()
    error = worker.finish().error
    assert error is not None
    assert error["name"] == "KeyboardInterrupt"
