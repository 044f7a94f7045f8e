"""The rights of landlock(7), by the version of its interface."""

from pathlib import Path

import pytest
from confined import confine
from worker_driver import DrivenWorker
from worker_modules import told


def test_a_version_knows_its_rights(worker: DrivenWorker) -> None:
    versions = (1, 2, 3, 4, 5, 7)
    bits = told(worker, f"it = [own('landlock').handled(abi).bit_length() for abi in {versions}]")
    assert bits == [13, 14, 15, 15, 16, 16]


@pytest.mark.parametrize("abi", [1, 3, 4, 6])
def test_an_older_version_is_used_as_far_as_it_goes(worker: DrivenWorker, tmp_path: Path, abi: int) -> None:
    (tmp_path / "work").mkdir()
    given = confine(worker.python, tmp_path / "work", tmp_path)
    given["landlock"]["abi"] = min(abi, given["landlock"]["abi"])
    worker.send({"type": "configure", "cwd": str(tmp_path / "work"), "envs": {}, "confine": given})
    assert worker.receive() == {"type": "configured"}
    error = worker.run(f"open({str(tmp_path / 'outside')!r}, 'w')").error
    assert error is not None
    assert error["name"] == "PermissionError"


def test_a_file_can_be_allowed_by_itself(worker: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    for name in ("allowed", "other"):
        (tmp_path / name).write_text(name)
    given = confine(worker.python, tmp_path / "work", tmp_path, read_paths=(str(tmp_path / "allowed"), "/no/such"))
    worker.send({"type": "configure", "cwd": str(tmp_path / "work"), "envs": {}, "confine": given})
    assert worker.receive() == {"type": "configured"}
    assert worker.printed(f"print(open({str(tmp_path / 'allowed')!r}).read())") == "allowed\n"
    assert worker.run(f"open({str(tmp_path / 'other')!r})").error is not None


def test_a_link_that_has_come_into_its_place_gives_nothing(worker: DrivenWorker, tmp_path: Path) -> None:
    for name in ("work", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("other")
    given = confine(worker.python, tmp_path / "work", tmp_path)
    given["landlock"]["asked"] = [str(tmp_path / "link")]
    worker.send({"type": "configure", "cwd": str(tmp_path / "work"), "envs": {}, "confine": given})
    assert worker.receive() == {"type": "configured"}
    error = worker.run(f"import os; os.listdir({str(tmp_path / 'other')!r})").error
    assert error is not None
    assert error["name"] in ("PermissionError", "FileNotFoundError")


def test_a_directory_that_has_become_a_link_is_not_entered(worker: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    given = confine(worker.python, tmp_path / "work", tmp_path)
    (tmp_path / "work").rename(tmp_path / "other")
    (tmp_path / "work").symlink_to("other")
    worker.send({"type": "configure", "cwd": str(tmp_path / "work"), "envs": {}, "confine": given})
    answer = worker.receive()
    assert answer["type"] == "failed"
    assert "leads elsewhere" in answer["reason"] or "cannot enter" in answer["reason"]


def test_only_the_named_ports_can_be_connected_to(worker: DrivenWorker, tmp_path: Path) -> None:
    given = confine(worker.python, tmp_path, tmp_path, ports=(9,))
    worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "confine": given})
    assert worker.receive() == {"type": "configured"}
    code = "import socket\nfor port in 9, 10:\n    print(socket.socket().connect_ex(('127.0.0.1', port)))"
    allowed, other = map(int, worker.printed(code).split())
    assert (allowed == 13, other) == (False, 13)  # EACCES
