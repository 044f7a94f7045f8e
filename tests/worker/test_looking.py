"""A look at the namespace takes the place of code: it is no execution for Python."""

from worker_driver import DrivenWorker
from worker_looks import look


def test_a_look_is_answered_and_changes_nothing(worker: DrivenWorker) -> None:
    worker.run("x = 1")
    before = worker.printed("import sys; print(sorted(globals()), x)")
    for kind in ("complete", "inspect", "isComplete", "variables"):
        assert look(worker, kind, "x")["kind"] == kind
    assert worker.printed("import sys; print(sorted(globals()), x)") == before


def test_an_error_after_a_look_has_the_number_of_its_own_execution(worker: DrivenWorker) -> None:
    worker.send({"type": "execute", "id": "a", "code": "def f(): 1 / 0", "envs": {}, "number": 3})
    assert worker.receive() is not None
    look(worker, "complete", "f")
    worker.send({"type": "execute", "id": "b", "code": "f()", "envs": {}, "number": 4})
    message = worker.receive()
    assert message is not None
    assert [frame["cell"] for frame in message["error"]["frames"]] == [4, 3]


def test_code_that_a_look_calls_may_read_no_input(worker: DrivenWorker) -> None:
    worker.run("class A:\n  def __dir__(self): return [input()]\n  stored = 1\na = A()")
    assert look(worker, "complete", "a.")["matches"] == ["stored"]
