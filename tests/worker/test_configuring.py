"""Becoming the worker of a context."""

from pathlib import Path

from worker_driver import DrivenWorker


def test_directory_and_variables(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {"A": "1"}})
    assert worker.receive() == {"type": "configured"}
    code = "import os; print(os.getcwd() == os.environ['PWD'], os.environ['A'])"
    assert worker.printed(code) == "True 1\n"


def test_a_directory_that_is_gone(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.send({"type": "configure", "cwd": str(tmp_path / "none"), "envs": {}})
    reason = f"cannot enter {tmp_path / 'none'}: No such file or directory"
    assert worker.receive() == {"type": "failed", "reason": reason}
