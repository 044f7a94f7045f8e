"""An error that isolation has caused says so, in the traceback and in the notes of events of version 2."""

from collections.abc import Callable
from pathlib import Path

import pytest
from standing import SharedDaemon

from interpreterd.client import Interpreter

Standing = Callable[..., SharedDaemon]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("open('/usr/made', 'w')", "writes outside the context's directory are off"),
        ("open('/root/.bashrc')", "reads outside"),
        ("import os; os.listdir('/var/lib')", "reads outside"),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", "connections are"),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')", "connections are"),
        ("import asyncio; await asyncio.open_connection('127.0.0.1', 1)", "connections are"),
        ("import socket; socket.socket(40, 1)", "this system call is off"),
        ("import os; os.kill(os.getppid(), 0)", "this system call is off"),
        ("import os; os.sched_setaffinity(1, {0})", "this system call is off"),
        ("open('none')", None),
        ("import os; os.mkdir('d', 0); os.rmdir('d/none')", None),
        ("import os; os.close(os.open('own', os.O_CREAT, 0)); open('own/x')", None),
        ("raise PermissionError(13, 'of its own')", None),
    ],
)
def test_a_refused_call_has_a_note(standing: Standing, tmp_path: Path, code: str, words: str | None) -> None:
    with Interpreter(standing().url) as py, py.create_context(cwd=str(tmp_path), isolation="standard") as context:
        error = context.execute(code).error
        layers = context["isolation"]["layers"]
    assert error is not None
    if words is None or ("getppid" in code and "pid-namespace" in layers):
        assert "outside the context" not in error.traceback
        assert error.notes in ((), [])
    else:
        assert [note for note in error.notes if note.startswith(words)] == list(error.notes) != []
        assert error.traceback.endswith(f"{error.notes[0]}\n")


def test_a_context_without_isolation_gets_no_notes(standing: Standing, tmp_path: Path) -> None:
    with Interpreter(standing().url) as py, py.create_context(cwd=str(tmp_path)) as context:
        error = context.execute("open('/none/x', 'w')").error
    assert error is not None
    assert list(error.notes) == []
