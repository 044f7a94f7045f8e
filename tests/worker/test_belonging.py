"""A worker becomes a user that has nothing but its own, and works on as any process of a user does."""

import json
import os
import subprocess
from typing import Any

import pytest
from paths import ROOT
from unshared import PYTHON
from worker_driver import find_pythons

USER = 122_003
SOURCE = "".join((ROOT / "worker" / f"{name}.py").read_text() for name in ("syscalls", "belonging"))
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser can become another user")


def told(code: str, python: str = PYTHON) -> Any:
    """Return what ``code`` prints after the process has become ``USER``."""
    program = f"{SOURCE}\nimport json\ncalls = Libc()\ncalls.call('prctl', 1, 15, 0, 0, 0)\n" + code
    command = [python, "-I", "-c", "import sys; exec(sys.stdin.read())"]
    ran = subprocess.run(command, input=program, capture_output=True, text=True, check=True, cwd="/")
    return json.loads(ran.stdout)


@pytest.mark.parametrize("python", find_pythons().values(), ids=find_pythons())
def test_it_has_that_user_that_group_and_no_capability(python: str) -> None:
    assert told(
        """
become(calls, 122003)
fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(),
    [int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")]]))
""",
        python,
    ) == [[USER] * 3, [USER] * 3, [], [0] * 4]


def test_there_is_no_way_back() -> None:
    code = """
become(calls, 122003)
refused = []
for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chown("/tmp", 1, 1)):
    try:
        change()
    except PermissionError:
        refused.append(True)
print(json.dumps(refused))
"""
    assert told(code) == [True] * 4


def test_its_own_files_in_proc_are_its_own_and_it_still_dies_with_the_daemon() -> None:
    code = """
become(calls, 122003)
dies = bytes(4)
calls.call("prctl", PR_GET_PDEATHSIG, dies, 0, 0, 0)
print(json.dumps([os.stat("/proc/self/environ").st_uid, bool(open("/proc/self/environ", "rb").read()), dies[0]]))
"""
    assert told(code) == [USER, True, 15]


def test_its_output_can_be_opened_by_name() -> None:
    """Programs write to /dev/stdout and /dev/stderr, which are pipes that the daemon has made."""
    code = """
become(calls, 122003)
os.close(os.open("/dev/stderr", os.O_WRONLY))
with open("/dev/stdout", "w") as out:
    out.write(json.dumps("written"))
"""
    assert told(code) == "written"


def test_a_refusal_names_the_user() -> None:
    code = """
os.setresuid(1, 1, 1)
try:
    become(calls, 122003)
except OSError as error:
    print(json.dumps([error.errno, error.strerror]))
"""
    assert told(code) == [1, "user 122003: Operation not permitted"]
