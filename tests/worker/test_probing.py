"""What this machine can do to isolate: ``tests/workers/isolation/test_abilities.py`` reads the answer."""

import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from confined import abilities
from unshared import need
from worker_driver import find_pythons

from interpreterd.workers.isolation.abilities import Abilities, parsed_abilities, probe_program

PROGRAM = probe_program(Path(str(resources.files("interpreterd") / "_worker")))


def found(*before: str, program: bytes = PROGRAM) -> Abilities:
    """Return what a process of the machine's Python finds out, started by the command ``before``."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    done = subprocess.run([*before, python], input=program, stdout=subprocess.PIPE, check=True, cwd="/")
    return parsed_abilities(done.stdout)


def test_every_python_finds_the_same() -> None:
    ours = abilities(sys.executable)
    for python in list(find_pythons().values())[:2]:
        theirs = abilities(python)
        assert (theirs.landlock, theirs.seccomp, theirs.namespaces) == (ours.landlock, ours.seccomp, ours.namespaces)
        assert theirs.paths


def test_the_namespaces_that_can_be_had_are_had() -> None:
    ours = abilities(sys.executable).namespaces
    for kinds in (("mount",), ("mount", "pid"), ("mount", "pid", "ipc", "net")):
        if had := ours.of(*kinds):
            need(*had)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
def test_a_user_without_privileges_needs_a_namespace_of_users_or_is_told_why_it_has_none() -> None:
    as_nobody = found("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups").namespaces
    assert as_nobody.user
    assert as_nobody.of("mount") or as_nobody.missing["mount"]
    helpless = found("setpriv", "--bounding-set=-all").namespaces
    assert helpless.of("mount") is None
    assert helpless.missing["user"].endswith(": Operation not permitted")


def test_each_kind_is_tried_apart() -> None:
    """The replaced flag stands for a kernel, or a filter, without that namespace."""
    need("mount", "pid", "ipc", "net")
    flag = b'"net": 0x40000000'
    assert PROGRAM.count(flag) == 1
    without_net = found(program=PROGRAM.replace(flag, b'"net": 0x8')).namespaces
    assert without_net.of("mount", "pid", "ipc") is not None
    assert without_net.missing["net"] == f"unshare {'user,' * without_net.user}net: Invalid argument"
    assert "pid" not in without_net.missing
    without_proc = found(program=PROGRAM.replace(b"'mount', '/proc', 'proc'", b"'mount', '/proc', 'nofs'"))
    assert without_proc.namespaces.missing == {"pid": "nofs on /proc: No such device"}


def test_a_try_that_ends_the_process_is_a_refusal() -> None:
    calls = b"kernel = unsharing.Kernel()"
    assert PROGRAM.count(calls) == 1
    dead = found(program=PROGRAM.replace(calls, b"os._exit(0)"))
    assert set(dead.namespaces.missing.values()) == {"the kernel killed the process that tried"}
