"""``input()`` without a client, as Python and as IPython has it."""

import pytest
from worker_driver import DrivenWorker


@pytest.mark.parametrize(("code", "name"), [("input()", "raw_input"), ("import getpass; getpass.getpass()", "getpass")])
def test_a_client_without_input_gets_what_ipython_raises(worker: DrivenWorker, code: str, name: str) -> None:
    worker.send({"type": "execute", "id": "1", "envs": {}, "code": code, "refusesInput": True})
    message = worker.receive()
    assert message is not None
    error = message["error"]
    assert error["name"] == "StdinNotImplementedError"
    assert error["value"] == f"{name} was called, but this frontend does not support input requests."


def test_others_get_the_end_of_the_input(worker: DrivenWorker) -> None:
    error = worker.run("input()").error
    assert error is not None
    assert error["name"] == "EOFError"


def test_reading_is_at_its_end_for_all(worker: DrivenWorker) -> None:
    code = "import sys; print(repr(sys.stdin.read()))"
    worker.send({"type": "execute", "id": "1", "envs": {}, "code": code, "refusesInput": True})
    worker.receive()
    assert b"''" in b"".join(data for _, data in worker.output())
