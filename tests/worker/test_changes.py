"""The end of an execution that asks for it names the files that its code has made or changed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from worker_driver import DrivenWorker

SMALL = """
import sys, types, json
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from worker import changes
for name, value in json.loads(sys.argv[3]).items():
    setattr(changes, name, value)
watch = changes.Changes(sys.argv[2])
exec(sys.argv[4])
print(json.dumps(watch.report()))
"""


def report(directory: Path, code: str, **bounds: int) -> Any:
    """Return the report of ``code`` in ``directory``, with other bounds."""
    command = [sys.executable, "-c", SMALL, str(ROOT), str(directory), json.dumps(bounds), code]
    return json.loads(subprocess.run(command, cwd=directory, capture_output=True, check=True, text=True).stdout)


def test_new_and_changed_files_are_named(tmp_path: Path) -> None:
    for name in ("same", "changed", "deleted", "moved"):
        (tmp_path / name).write_text("old")
    (tmp_path / "d").mkdir()
    code = """
import os
open('changed', 'w').write('new')
os.remove('deleted'); os.rename('moved', 'd/moved')
open('d/new', 'w').write('12'); os.symlink('same', 'link'); os.mkfifo('fifo')
os.mkdir('d/__pycache__'); open('d/__pycache__/x.pyc', 'w').close()
os.utime('changed', (0, 0))
"""
    assert report(tmp_path, code) == {"files": [["changed", 3], ["d/moved", 3], ["d/new", 2]], "cut": False}


def test_a_change_that_hides_its_time_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    code = "import os; it = os.stat('file'); open('file', 'w').write('new'); os.utime('file', ns=(0, it.st_mtime_ns))"
    assert report(tmp_path, code)["files"] == [["file", 3]]


def test_nothing_changes_without_a_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    assert report(tmp_path, "open('file').read()") == {"files": [], "cut": False}


@pytest.mark.parametrize(("bounds", "count"), [({"FILES": 2}, 2), ({"PATHS_BYTES": 9}, 3), ({"LOOK_S": -1}, 5)])
def test_a_long_list_is_cut(tmp_path: Path, bounds: dict[str, int], count: int) -> None:
    made = report(tmp_path, "[open(str(number), 'w').close() for number in range(5)]", **bounds)
    assert len(made["files"]) == count
    assert made["cut"] is (count < 5)


def test_of_a_large_tree_only_a_part_is_looked_at(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"old {number}").touch()
        os.utime(tmp_path / f"old {number}", (0, 0))
    made = report(tmp_path, "open('old 0', 'w').write('x')", ENTRIES=3)
    assert made["cut"]
    assert len(made["files"]) <= 3


def test_a_name_that_is_no_text_is_named_all_the_same(tmp_path: Path) -> None:
    assert report(tmp_path, r"open(b'caf\xe9', 'w').close()")["files"] == [["caf�", 0]]


def test_the_worker_says_so_only_if_it_is_asked(worker: DrivenWorker, tmp_path: Path) -> None:
    code = "import os; os.chdir('/'); open({!r}, 'w').write('x')"
    asking = {"type": "execute", "id": "1", "code": code.format(f"{tmp_path}/made"), "envs": {}, "files": True}
    worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}})
    assert worker.receive() == {"type": "configured"}
    worker.send(asking)
    assert worker.receive() == {
        "type": "done",
        "id": "1",
        "error": None,
        "files": {"files": [["made", 1]], "cut": False},
    }
    worker.send({**asking, "id": "2", "code": "exit()"})
    assert worker.receive() == {"type": "exiting", "id": "2", "files": {"files": [], "cut": False}}


def test_other_executions_say_nothing_of_files(worker: DrivenWorker) -> None:
    message = worker.run("open('made', 'w').write('x')").message
    assert message is not None
    assert "files" not in message
