"""Copies of a confined worker and the worker itself do not reach each other; all else is as before."""

from pathlib import Path
from typing import Any

import pytest
from confined import abilities, confine
from worker_driver import DrivenWorker
from worker_modules import told

from interpreterd.pipe.confinement import parting_body
from interpreterd.workers.isolation.profiles import parting

# Two copies, and the process from which they come, try to reach each other; each tells what it could.
FAMILY = """
import os, signal, socket

def reached(pids):
    found = []
    for name, pid in pids.items():
        try:
            os.kill(pid, 0)
            found.append("signalled " + name)
        except PermissionError:
            pass
        try:
            os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
            found.append("read " + name)
        except OSError:
            pass
        try:
            socket.socket(socket.AF_UNIX).connect(f"\\0{word}-{pid}")
            found.append("connected to " + name)
        except PermissionError:
            pass
    return found

def serve():
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"\\0{word}-{os.getpid()}")
    server.listen()
    return server

def copy():
    ask, told = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        part(True)
        server = serve()
        os.write(told[1], b".")
        os.write(told[1], repr(reached(eval(os.read(ask[0], 999)))).encode())
        os.read(ask[0], 1)
        os._exit(0)
    assert os.read(told[0], 1) == b"."
    return pid, ask[1], told[0]

copies = [copy(), copy()]
part(False)
server = serve()
pids = {"the original": os.getpid(), "the first": copies[0][0], "the second": copies[1][0]}
it = reached(dict(list(pids.items())[1:]))
for number, (pid, ask, told) in enumerate(copies):
    others = {name: other for name, other in pids.items() if other != pid}
    os.write(ask, repr(others).encode())
    it += eval(os.read(told, 9999))
for pid, ask, told in copies:
    os.write(ask, b".")
    os.waitpid(pid, 0)
"""


@pytest.fixture
def confined(worker: DrivenWorker, tmp_path: Path) -> DrivenWorker:
    """Return a worker with the profile ``standard`` in the directory ``work`` of ``tmp_path``."""
    (tmp_path / "work").mkdir()
    given = confine(worker.python, tmp_path / "work", tmp_path)
    worker.send({"type": "configure", "cwd": str(tmp_path / "work"), "envs": {}, "confine": given})
    assert worker.receive() == {"type": "configured"}
    return worker


def said(worker: DrivenWorker, code: str) -> Any:
    """Return ``it`` of ``code``, which has ``part``."""
    given = parting_body(parting(abilities(worker.python), has_pids=False))
    begin = f"import os\nword = 'part-{worker.pid}'\npart = lambda is_copy: own('parting').part({given}, is_copy)\n"
    return told(worker, begin + code)


def test_copies_and_their_original_do_not_reach_each_other(confined: DrivenWorker) -> None:
    assert said(confined, FAMILY) == []


def test_without_domains_of_their_own_they_would(confined: DrivenWorker) -> None:
    reached = said(confined, "part = lambda is_copy: None\n" + FAMILY)
    assert len(reached) == 6 * 3, "each of three reaches the other two in three ways"


def test_an_original_reaches_its_own_children_as_before(confined: DrivenWorker) -> None:
    code = """
import subprocess
part(False)
child = subprocess.Popen(["sleep", "1000"])
child.terminate()
it = child.wait()
"""
    assert said(confined, code) == -15


def test_files_are_reached_and_renamed_as_before(confined: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "outside").touch()
    code = f"""
part(True)
os.mkdir("a"), os.mkdir("b")
open("a/file", "w").close()
os.rename("a/file", "b/file")
try:
    it = open({str(tmp_path / "outside")!r})
except OSError:
    it = os.listdir("b")
"""
    assert said(confined, code) == ["file"]


def test_a_copy_names_itself_by_0_and_nobody_else(confined: DrivenWorker) -> None:
    code = """
import resource
original, told = os.getpid(), os.pipe()
if not os.fork():
    part(True)
    it = []
    for pid in (0, os.getpid(), original):
        try:
            resource.prlimit(pid, resource.RLIMIT_CORE)
            os.sched_setaffinity(pid, os.sched_getaffinity(0))
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0))
            it.append(True)
        except PermissionError:
            it.append(False)
    os.write(told[1], repr(it).encode())
    os._exit(0)
os.wait()
it = eval(os.read(told[0], 99))
"""
    assert said(confined, code) == [True, False, False]


def test_domains_below_each_other_are_sixteen(confined: DrivenWorker) -> None:
    code = """
it = 0
try:
    while True:
        part(False)
        it += 1
except OSError as error:
    it = it, error.errno
"""
    assert said(confined, code) == [15, 7], "E2BIG"
