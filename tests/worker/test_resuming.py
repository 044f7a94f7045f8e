"""What a worker knows of its cells goes along."""

from pathlib import Path

from archived import archive, finished, load
from worker_driver import DrivenWorker

HISTORY = {"kind": "history", "access": "range", "start": 1, "stop": None, "output": True, "unique": False, "n": None}


def test_the_history_goes_on(worker: DrivenWorker, tmp_path: Path) -> None:
    run = {"type": "execute", "envs": {}, "results": True}
    for number, code in enumerate(("a = 1", "a + 1"), 1):
        finished(worker, {**run, "id": str(number), "code": code, "number": number})
    archive(worker, tmp_path / "archive")
    with DrivenWorker(worker.python, tmp_path) as other:
        load(other, tmp_path / "archive")
        finished(other, {**run, "id": "3", "code": "a + 2", "number": 3})
        task = {**HISTORY, "pattern": "*"}
        message = finished(other, {"type": "execute", "id": "4", "code": "", "envs": {}, "task": task}).message
    assert message is not None
    assert [(cell["number"], cell["source"], cell["output"]) for cell in message["found"]["cells"]] == [
        (1, "a = 1", None),
        (2, "a + 1", "2"),
        (3, "a + 2", "3"),
    ]


def test_a_last_value_that_cannot_be_saved_is_named(worker: DrivenWorker, tmp_path: Path) -> None:
    code = "open('/dev/null')"
    finished(worker, {"type": "execute", "id": "1", "code": code, "envs": {}, "results": True, "number": 1})
    told = archive(worker, tmp_path / "archive")
    assert told["skipped"] == [{"name": "_", "reason": "it is an open file: open it again from its path"}]
