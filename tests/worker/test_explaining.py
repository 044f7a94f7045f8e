"""An error that isolation has caused gets a note; an error of the code's own making gets none."""

import json
from pathlib import Path
from typing import Any

import pytest
from worker_driver import DrivenWorker
from worker_modules import told

NOTES = {
    "write": "no writes",
    "read": "no reads",
    "connect": "no connections",
    "call": "no such call",
    "memory": "no memory",
}


def note(worker: DrivenWorker, code: str, tmp_path: Path, **more: Any) -> Any:
    """Return the note on the exception of ``code``, in a worker that seems to be confined to ``tmp_path``."""
    landlock = {"read": ["/usr", "/etc"], "write": [str(tmp_path)], "devices": ["/dev/null"]}
    confine = {"landlock": landlock, "namespaces": [], "notes": NOTES, **more}
    task = f"""
import linecache, os, socket
import errno
class Refusing:
    # Its methods raise in C, as those of a socket do.
    def __getattr__(self, name):
        import asyncio
        loop = asyncio.new_event_loop()
        future = loop.create_future()
        future.set_exception(OSError(getattr(errno, name), "refused"))
        loop.close()
        return future.result
def fails(number, *paths):
    raise OSError(number, "refused", *paths)
code = {code!r}
linecache.cache["<test>"] = len(code), None, code.splitlines(True), "<test>"
it = "did not fail"
try:
    exec(compile(code, "<test>", "exec"), globals())
except BaseException as raised:
    it = own("explaining").explain(raised, {confine!r})
"""
    return told(worker, task)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("fails(errno.EACCES, '/etc/hosts')", "write"),
        ("fails(errno.EROFS, '/usr/lib/made')", "write"),
        ("fails(errno.EACCES, '/var/lib')", "read"),
        ("fails(errno.EACCES, b'/var/lib')", "read"),
        ("fails(errno.EXDEV, '/var/lib/x', None, 'x')", "write"),
        ("fails(errno.ENOENT, '/var/none/x')", None),
        ("fails(errno.ENOENT, 'none')", None),
        ("fails(errno.EACCES, 'own')", None),
        ("fails(errno.EACCES, '/dev/null')", None),
        ("fails(errno.ENOSPC, '/etc/hosts')", None),
        ("fails(None, '/etc/hosts')", None),
        ("raise PermissionError('of its own')", None),
        ("1 / 0", None),
        ("raise ValueError from OSError(errno.EACCES, 'refused', '/var/lib')", "read"),
    ],
)
def test_a_refused_file_is_explained_by_where_it_is(
    worker: DrivenWorker, tmp_path: Path, code: str, kind: str | None
) -> None:
    worker.run(f"import os; os.chdir({str(tmp_path)!r}); os.close(os.open('own', os.O_CREAT, 0))")
    assert note(worker, code, tmp_path) == (NOTES[kind] if kind else None)


def test_a_file_that_a_view_hides_is_explained(worker: DrivenWorker, tmp_path: Path) -> None:
    hidden = "open('/var/none/x')"
    assert note(worker, hidden, tmp_path) is None
    assert note(worker, hidden, tmp_path, namespaces=["user", "mount"]) == NOTES["read"]
    assert note(worker, f"open('{tmp_path}/none')", tmp_path, namespaces=["mount"]) is None
    assert note(worker, "open('/usr/none')", tmp_path, namespaces=["mount"]) is None, "it is missing there, too"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("connect = Refusing().EACCES; connect()", "connect"),
        ("connect = Refusing().ECONNREFUSED; connect()", None),
        ("bind = Refusing().EACCES; bind()", "connect"),
        ("socket = Refusing().EPERM; socket()", "call"),
        ("socket = Refusing().EAFNOSUPPORT; socket()", "call"),
        ("unshare = Refusing().EPERM; unshare()", "call"),
        ("kill = Refusing().EPERM; kill()", "call"),
        ("SemLock = Refusing().EACCES; SemLock()", "memory"),
        ("kill = Refusing().ESRCH; kill()", None),
        ("frobnicate = Refusing().EPERM; frobnicate()", None),
    ],
)
def test_a_refused_call_is_explained_by_its_name(
    worker: DrivenWorker, tmp_path: Path, code: str, kind: str | None
) -> None:
    assert note(worker, code, tmp_path) == (NOTES[kind] if kind else None)


def test_an_error_that_another_one_wraps_is_found(worker: DrivenWorker, tmp_path: Path) -> None:
    wrapped = "from urllib.error import URLError\nraise URLError(OSError(errno.EACCES, 'refused', '/var/lib'))"
    assert note(worker, wrapped, tmp_path) == NOTES["read"]
    looped = "one, two = ValueError(), ValueError()\none.__cause__, two.__cause__ = two, one\nraise one"
    assert note(worker, looped, tmp_path) is None


def test_a_note_is_added_once(worker: DrivenWorker, tmp_path: Path) -> None:
    code = "e = OSError(errno.EACCES, 'refused', '/var/lib')\nraise e"
    assert note(worker, code, tmp_path) == NOTES["read"]
    again = "import sys\nraise e if sys.version_info < (3, 11) or e.__notes__ == ['no reads'] else ValueError"
    assert note(worker, again, tmp_path) == NOTES["read"]


def test_a_python_without_notes_gets_the_note_in_the_text(worker: DrivenWorker) -> None:
    error = {"traceback": "E: x\n", "notes": []}
    found = told(worker, f"it = {json.dumps(error)}\nown('explaining').add_to(it, 'so')")
    old = told(worker, "import sys; it = sys.version_info < (3, 11)")
    assert found == ({"traceback": "E: x\nso\n", "notes": ["so"]} if old else error)
