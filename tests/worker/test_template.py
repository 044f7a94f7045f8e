"""A template without a daemon: it reports modules that make it unusable, and forks workers."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from worker_driver import clean_environment, compiled_worker, find_pythons

from interpreterd.workers.script import command, in_memory

PYTHON = next(reversed(find_pythons().values()))


class Template:
    """The daemon's side of a template's channel. Requests carry descriptors."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours
        self._lines = ours.makefile("rb")

    def receive(self) -> dict[str, Any] | None:
        line = self._lines.readline()
        return json.loads(line) if line else None

    def ask(self, *fds: int) -> None:
        socket.send_fds(self._ours, [b'{"type":"fork"}\n'], fds)

    def leave(self) -> None:
        self._ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._lines.close()


@contextmanager
def started(modules: str, cwd: Path) -> Iterator[tuple[Template, "subprocess.Popen[bytes]"]]:
    """Start a template with these modules; kill it at the end of the block."""
    ours, theirs = socket.socketpair()
    script = in_memory(compiled_worker(PYTHON))
    out = os.open(os.devnull, os.O_WRONLY)
    display = os.open(os.devnull, os.O_WRONLY)
    words = [*command(PYTHON, script), str(out), str(display), "1", modules]
    env = clean_environment() | {"PYTHONPATH": str(cwd)}
    inherited = (script, out, display)
    with (
        ours,
        subprocess.Popen(
            words, stdin=theirs, stdout=theirs, pass_fds=inherited, env=env, start_new_session=True
        ) as process,
    ):
        theirs.close()
        for fd in inherited:
            os.close(fd)
        template = Template(ours)
        try:
            yield template, process
        finally:
            process.kill()
            template.close()


def test_its_forks_are_workers_that_have_its_modules(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import os\nimported_by = os.getpid()\n")
    with started("mine", tmp_path) as (template, process):
        ready = template.receive()
        assert ready is not None
        assert (ready["type"], ready["pid"]) == ("ready", process.pid)
        ours, theirs = socket.socketpair()
        out, their_out = os.pipe()
        with ours, theirs, open(out, "rb") as printed:
            template.ask(theirs.fileno(), their_out, their_out, their_out)
            theirs.close()
            os.close(their_out)
            forked = template.receive()
            assert forked is not None
            assert forked["type"] == "forked"
            lines = ours.makefile("rwb")
            assert json.loads(lines.readline())["pid"] == forked["pid"]
            code = "import mine, os; print(mine.imported_by, os.getppid(), os.getsid(0) == os.getpid())"
            for message in (
                {"type": "configure", "cwd": str(tmp_path), "envs": {}},
                {"type": "execute", "id": "e", "code": code, "envs": {}},
                {"type": "exit"},
            ):
                lines.write(json.dumps(message).encode() + b"\n")
                lines.flush()
            assert template.receive() == {"type": "reaped", "pid": forked["pid"], "status": 0}
            lines.close()
            assert f"{process.pid} {process.pid} True\n".encode() in printed.read()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no')", "cannot import mine: RuntimeError: no"),
        (
            "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
            "the modules have started 1 threads, and a process with threads cannot be forked",
        ),
    ],
    ids=["cannot be imported", "starts a thread"],
)
def test_modules_that_make_no_template_are_told(tmp_path: Path, source: str, reason: str) -> None:
    (tmp_path / "mine.py").write_text(source)
    with started("mine", tmp_path) as (template, _):
        assert template.receive() == {"type": "failed", "reason": reason}


def test_it_ends_with_the_daemon(tmp_path: Path) -> None:
    with started("", tmp_path) as (template, process):
        assert template.receive() is not None
        template.leave()
        assert process.wait() == 0
