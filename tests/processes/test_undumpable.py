"""Other processes of the same user cannot read a process that hides, and it still sees itself and its children."""

import os
import subprocess
import sys

from paths import ROOT

# Becomes a user without privileges, and lets a child read what /proc has of this process; then hides, and once more.
LOOK = """
import ctypes, os, subprocess, sys
from interpreterd.processes.families import children, state
from interpreterd.processes.guard import start

def readable(pid):
    found = []
    for name in ("environ", "maps", "mem", "fd", "fdinfo", "root", "cwd"):
        path = f"/proc/{pid}/{name}"
        try:
            if name in ("fd", "fdinfo"):
                os.listdir(path)
            elif name in ("root", "cwd"):
                os.readlink(path)
            else:
                open(path, "rb", 0).close()
            found.append(name)
        except PermissionError:
            pass
    return " ".join(found)

def as_child(look):
    sys.stdout.flush()
    if not (child := os.fork()):
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
        print(look(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)

if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(*[65533] * 3)
    os.setresuid(*[65533] * 3)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
guard = start()
parent = os.getpid()
as_child(lambda: readable(parent))
as_child(lambda: readable(guard.pid))
guard.hide()
as_child(lambda: readable(parent))
while readable(guard.pid):  # until it has read the line
    os.sched_yield()
as_child(lambda: readable(guard.pid))
print(os.listdir("/proc/self/fd") != [], bool(children(parent)), state(parent))
child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdin.write(b"x")
child.stdin.flush()
child.stdout.read(1)  # it has executed its program
print(readable(child.pid))
child.communicate()
guard.close()
"""


def run(code: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_another_process_of_the_user_reads_neither_the_daemon_nor_its_guard_but_the_daemon_reads_its_children() -> None:
    everything = "environ maps mem fd fdinfo root cwd"
    assert run(LOOK) == [everything, everything, "", "", "True True R", everything]
