"""A worker gives its namespace to the daemon, and takes one."""

import os
from pathlib import Path

import pytest
from archived import archive, carried, finished, load, reasons
from worker_driver import DrivenWorker


def test_cells_go_on_where_they_were(worker: DrivenWorker) -> None:
    code = "from __future__ import annotations\ndef f(x: nothing): return 1 // x\n"
    then = """
import inspect, traceback
try:
    f(0)
except ZeroDivisionError as error:
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
def g(x: nothing): pass
it = [inspect.getsource(f), "return 1 // x" in shown, g.__annotations__]
"""
    assert carried(worker, code, then)[2] == ["def f(x: nothing): return 1 // x\n", True, {"x": "nothing"}]


def test_the_last_value_and_the_numbers_of_cells_are_kept(worker: DrivenWorker, tmp_path: Path) -> None:
    message = {"type": "execute", "id": "0", "code": "[6 * 7]", "envs": {}, "results": True, "number": 5}
    finished(worker, message)
    archive(worker, tmp_path / "archive")
    with DrivenWorker(worker.python, tmp_path) as other:
        assert load(other, tmp_path / "archive")["restored"] == []
        ran = finished(other, {**message, "code": "print(_, globals().get('_'))", "number": 1})
        assert ran.stdout == "[42] None\n"


def test_what_is_told_of_both_ways(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed("import os, email.mime\na, b = 1, open(os.devnull)\nc = [0, {'it': b}]")
    told = archive(worker, tmp_path / "archive")
    assert (told.pop("type"), told.pop("id"), told.pop("bytes")) == (
        "archived",
        "1",
        os.path.getsize(tmp_path / "archive"),
    )
    assert told == {
        "saved": ["os", "email", "a"],
        "skipped": [
            {"name": "b", "reason": "it is an open file: open it again from its path"},
            {"name": "c", "reason": "c[1]['it']: it is an open file: open it again from its path"},
        ],
        "omitted": [0, 0],
        "modules": [],
    }
    with DrivenWorker(worker.python, tmp_path) as other:
        told = load(other, tmp_path / "archive")
        assert told == {"type": "loaded", "id": "2", "restored": ["os", "email", "a"], "skipped": [], "omitted": [0, 0]}
        assert other.printed("print(email.mime.__name__, sorted(set(globals()) - {'__warningregistry__'})[-3:])") == (
            "email.mime ['a', 'email', 'os']\n"
        )


def test_reports_are_bounded(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed(
        "for n in range(1500):\n    globals()[f'{n}' * 200] = n\n    globals()[f'g{n}'] = (i for i in ())\ndel n"
    )
    told = archive(worker, tmp_path / "archive")
    assert (len(told["saved"]), len(told["skipped"]), told["omitted"]) == (1000, 1000, [500, 500])
    assert len(str(told)) < 400_000


def test_an_archive_of_a_namespace_that_grows_is_loaded_over_another(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed("a = [1]\nb = a")
    archive(worker, tmp_path / "archive")
    worker.printed("a, c = 5, 6")
    assert load(worker, tmp_path / "archive")["restored"] == ["a", "b"]
    assert worker.printed("print(a is b, c)") == "True 6\n"


@pytest.mark.parametrize("cut_bytes", [1, 100])
def test_a_broken_archive_changes_nothing(worker: DrivenWorker, tmp_path: Path, cut_bytes: int) -> None:
    worker.printed("a = 1")
    archive(worker, tmp_path / "archive")
    whole = (tmp_path / "archive").read_bytes()
    (tmp_path / "archive").write_bytes(whole[:-cut_bytes])
    worker.printed("a = 2")
    assert load(worker, tmp_path / "archive") == {
        "type": "load_failed",
        "id": "2",
        "reason": "the archive cannot be read: its end is missing",
    }
    assert worker.printed("print(a)") == "2\n"
    (tmp_path / "archive").write_bytes(b"x" * 50 + whole + b"y" * 50)
    assert load(worker, tmp_path / "archive", offset=50, bytes=len(whole))["type"] == "loaded"
    assert worker.printed("print(a)") == "1\n"


def test_an_archive_of_another_python_is_refused(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed("a = 1")
    archive(worker, tmp_path / "archive")
    version = ".".join(worker.ready["python"].split(".")[:2])
    data = (tmp_path / "archive").read_bytes()
    (tmp_path / "archive").write_bytes(
        data.replace(f'"python":"{version}"'.encode(), b'"python":"' + b"9" * len(version) + b'"')
    )
    reason = f"the archive is of Python {'9' * len(version)}, and this is Python {version}"
    assert load(worker, tmp_path / "archive") == {"type": "load_failed", "id": "2", "reason": reason}


def test_nobody_takes_the_archive(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed("a = bytes(1 << 20)")
    assert archive(worker, tmp_path / "archive", is_read=False) == {
        "type": "archive_failed",
        "id": "1",
        "reason": "the archive could not be written: Broken pipe",
    }
    assert worker.printed("print(len(a))") == f"{1 << 20}\n"


def test_code_of_objects_can_be_interrupted(worker: DrivenWorker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    code = f"""
class Slow:
    def __reduce__(self):
        print("I begin", flush=True)
        open({str(tmp_path / "begun")!r}).close()
        while True:
            pass
x = Slow()
"""
    worker.printed(code)

    def interrupt() -> None:
        (tmp_path / "begun").open("w").close()
        worker.interrupt()

    told = archive(worker, tmp_path / "archive", interrupt)
    assert told == {"type": "archive_failed", "id": "1", "reason": "it was interrupted"}
    assert [data for _, data in worker.output()] == [b"I begin\n"]
    worker.sync()
    assert worker.printed("print('on')") == "on\n"


def test_code_of_objects_may_do_anything(worker: DrivenWorker) -> None:
    code = """
import os, sys, threading
class Forks:
    def __reduce__(self):
        if not os.fork():
            return list, ()
        return Forks, ()
class Changes:
    def __reduce__(self):
        globals()["late"] = globals().pop("early", None)
        return Changes, ()
early, f, c, d = 1, Forks(), Changes(), 2
"""
    saved, loaded, it = carried(worker, code, "it = [type(f).__name__, type(c).__name__, d]")
    assert (it, reasons(saved), reasons(loaded)) == (["Forks", "Changes", 2], {}, {})


def test_a_worker_imports_nothing_for_archives_that_code_could_see(worker: DrivenWorker) -> None:
    code = "import sys\nclass C: pass\nx = C()\nbefore = sorted(sys.modules)"
    then = "import sys\nit = [name for name in sys.modules if 'pickle' in name and name not in before]"
    assert set(carried(worker, code, then)[2]) <= {"_pickle", "_compat_pickle"}


def test_modules_are_imported_before_the_content_comes(worker: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("print('early')")
    worker.printed("a = 1")
    archive(worker, tmp_path / "archive")
    assert load(worker, tmp_path / "archive", modules=["early", "nowhere"])["type"] == "loaded"
    assert [data for _, data in worker.output()] == [b"early\n"]


def test_what_has_no_name_in_the_namespace_is_told(worker: DrivenWorker) -> None:
    saved, loaded, it = carried(worker, "globals()[5] = 6\nx = 1", "it = [x, 5 in globals()]")
    assert (reasons(saved), reasons(loaded), it) == (
        {"a key of globals(), of builtins.int": "only variables with a name are saved"},
        {},
        [1, False],
    )
