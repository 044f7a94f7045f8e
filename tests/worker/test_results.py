"""The value of a cell is published, and is ``_`` in the next one."""

from publishing import bundles
from worker_driver import DrivenWorker, Ran

from interpreterd.pipe.bundles import Bundle


def run(worker: DrivenWorker, code: str) -> Ran:
    """Run ``code`` with its value."""
    worker.send({"type": "execute", "id": "0", "code": code, "envs": {}, "results": True})
    message = worker.receive()
    return Ran(message, worker.output())


def test_the_value_is_published_and_is_the_underscore(worker: DrivenWorker) -> None:
    assert bundles(run(worker, "6 * 7")) == [Bundle(kind="result", data={"text/plain": "42"})]
    assert bundles(run(worker, "_ + 1")) == [Bundle(kind="result", data={"text/plain": "43"})]
    assert bundles(run(worker, "x = 1")) == bundles(run(worker, "None")) == []
    assert bundles(run(worker, "_")) == [Bundle(kind="result", data={"text/plain": "43"})]


def test_an_underscore_of_user_code_stays(worker: DrivenWorker) -> None:
    run(worker, "1")
    run(worker, "_ = 'mine'")
    run(worker, "2")
    assert run(worker, "print(_)").stdout == "mine\n"


def test_without_results_no_code_of_the_value_runs(worker: DrivenWorker) -> None:
    ran = worker.run("class C:\n    def __repr__(self): print('called')\nC()")
    assert (ran.stdout, bundles(ran)) == ("", [])
