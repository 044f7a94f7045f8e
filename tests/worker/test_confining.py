"""A worker that confines itself: what its code and all processes that it starts can no longer do."""

import errno
import select
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confined import abilities, confine
from worker_driver import DrivenWorker

from interpreterd.processes.notifications import CallListener
from interpreterd.workers.isolation.seccomp import CallRules, program


def configure(worker: DrivenWorker, cwd: Path, **confined: object) -> None:
    worker.send({"type": "configure", "cwd": str(cwd), "envs": {}, "confine": confined})
    assert worker.receive() == {"type": "configured"}


@pytest.fixture
def confined(worker: DrivenWorker, tmp_path: Path) -> DrivenWorker:
    """Return a worker with the profile ``standard`` in the directory ``work`` of ``tmp_path``."""
    (tmp_path / "work").mkdir()
    configure(worker, tmp_path / "work", **confine(worker.python, tmp_path / "work", tmp_path))
    return worker


HIDDEN = ("PermissionError", "FileNotFoundError")  # the latter in a view of the file system, where it does not exist


def name_of_error(worker: DrivenWorker, code: str) -> str | None:
    error = worker.run(code).error
    return None if error is None else error["name"]


def test_it_has_no_privileges_left(confined: DrivenWorker) -> None:
    lines = confined.printed("print(open('/proc/self/status').read())").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if line)
    assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_it_writes_in_its_own_directories(confined: DrivenWorker, tmp_path: Path) -> None:
    assert name_of_error(confined, "open('a', 'w').close()") is None
    assert name_of_error(confined, "import os; open(os.path.expanduser('~/a'), 'w').close()") is None
    assert name_of_error(confined, "import tempfile; tempfile.mkdtemp()") is None
    outside = tmp_path / "outside"
    outside.write_text("kept")
    assert name_of_error(confined, f"open({str(outside)!r})") in HIDDEN
    assert name_of_error(confined, f"open({str(outside)!r}, 'w')") == "PermissionError"
    assert name_of_error(confined, f"os.rename({str(outside)!r}, 'stolen')") in (*HIDDEN, "OSError")
    assert name_of_error(confined, f"os.link({str(outside)!r}, 'linked')") in ("OSError", "FileNotFoundError")
    assert outside.read_text() == "kept"


def test_its_children_are_as_confined(confined: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    code = f"import subprocess; print(subprocess.run(['cat', {str(tmp_path / 'outside')!r}]).returncode)"
    ran = confined.run(code)
    assert ran.stdout == "1\n"
    assert "Permission denied" in ran.stderr or "No such file" in ran.stderr


def test_a_step_that_fails_makes_the_worker_useless(worker: DrivenWorker, tmp_path: Path) -> None:
    given = confine(worker.python, tmp_path, tmp_path)
    given["seccomp"] = "AAAAAAAAAAA="  # one instruction, which is none
    worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "confine": given})
    assert worker.receive() == {
        "type": "failed",
        "reason": "cannot be isolated: seccomp: Invalid argument (system call seccomp)",
    }


def test_the_listener_of_its_calls_comes_with_the_answer(worker: DrivenWorker, tmp_path: Path) -> None:
    given = confine(worker.python, tmp_path, tmp_path)
    rules = CallRules(asks_connect=True)
    given |= {"listener": True, "seccomp": program(rules, abilities(worker.python).architecture)}
    worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "confine": given})
    line, descriptors, _, _ = socket.recv_fds(worker.channel, 100, 2)
    assert line == b'{"type":"configured"}\n'
    with CallListener(*descriptors) as listener, ThreadPoolExecutor() as beside:
        done = beside.submit(name_of_error, worker, "import socket; socket.socket().connect(('127.0.0.1', 9))")
        select.select([listener], [], [])
        call = listener.receive()
        assert call is not None
        assert listener.answer(call, errno.ECONNABORTED)
        assert done.result() == "ConnectionAbortedError"


def test_packages_are_installed_below_its_home(confined: DrivenWorker) -> None:
    code = "import site, sys, os; print(sys.prefix != sys.base_prefix or site.USER_SITE.startswith(os.environ['HOME']))"
    assert confined.printed(code) == "True\n"


def test_a_thread_that_would_not_be_confined_makes_the_worker_useless(tmp_path: Path) -> None:
    """Code could let it do what the confined thread may not: each thread has its own rules."""
    (tmp_path / "sitecustomize.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[1000], daemon=True).start()\n"
    )
    with DrivenWorker(sys.executable, tmp_path, {"PYTHONPATH": str(tmp_path)}) as worker:
        given = confine(worker.python, tmp_path, tmp_path)
        worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "confine": given})
        told = worker.receive()
        assert told is not None
        assert told["type"] == "failed"
        assert told["reason"].startswith("cannot be isolated: this Python starts with 1 more threads")


def test_the_workers_own_thread_is_confined_as_well(worker: DrivenWorker, tmp_path: Path) -> None:
    """It flushes a stream, which code may have changed."""
    (tmp_path / "work").mkdir()
    worker.printed("import sys; sys.stdout.write('x')")
    configure(worker, tmp_path / "work", **confine(worker.python, tmp_path / "work", tmp_path))
    looking = """
import sys
sys.stdout.write('x')
import os
status = [open(f'/proc/self/task/{it}/status').read() for it in os.listdir('/proc/self/task')]
print([it.split('Seccomp:')[1].split()[0] for it in status])"""
    assert worker.printed(looking) == "x['2', '2']\n"
