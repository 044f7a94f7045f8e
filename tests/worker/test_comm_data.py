"""The data of comms: what Jupyter takes is taken, and what cannot be sent is an error."""

import json

import pytest
from worker_driver import DrivenWorker
from worker_modules import OWN, told


def test_types_that_json_does_not_have(worker: DrivenWorker) -> None:
    code = (
        "import datetime, pathlib\n"
        "class Number:\n    def __float__(self): return 1.5\n"
        "data = [datetime.date(2026, 1, 2), datetime.time(3, 4), b'\\0', {1}, range(2), pathlib.Path('a'), Number(), "
        "float('inf')]\nit = own('comm_data').json_of(data).decode()"
    )
    assert json.loads(told(worker, code)) == ["2026-01-02", "03:04:00", "AA==", [1], [0, 1], "a", 1.5, None]


def test_buffers_of_every_shape(worker: DrivenWorker) -> None:
    code = (
        "import array\nbase64_of = own('comm_data').base64_of\n"
        "buffers = [b'', b'\\0', bytearray(b'a'), array.array('h', [1]), memoryview(b'xy')]\n"
        "it = [base64_of(each).decode() for each in buffers]"
    )
    assert told(worker, code) == ["", "AA==", "YQ==", "AQA=", "eHk="]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("json_of(object())", "TypeError"),
        ("json_of([0] * (2 << 20))", "ValueError"),
        ("base64_of(memoryview(b'abcd')[::2])", "ValueError"),
        ("base64_of('text')", "TypeError"),
    ],
)
def test_what_cannot_be_sent(worker: DrivenWorker, call: str, name: str) -> None:
    error = worker.run(f"{OWN}own('comm_data').{call}").error
    assert error is not None
    assert error["name"] == name
