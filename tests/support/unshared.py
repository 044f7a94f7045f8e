"""Runs the worker's ``unsharing`` module outside of a worker, in processes that end at once.

Everything is mounted in a mount namespace that the process has made for itself; no mount propagates from there.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from interpreterd.workers.isolation.namespaces import view

_SYSCALLS = (ROOT / "worker" / "syscalls.py").read_text()
SOURCE = f"""
import sys
worker = sys.modules["worker"] = type(sys)("worker")
worker.__path__ = []
worker.syscalls = sys.modules["worker.syscalls"] = type(sys)("worker.syscalls")
exec({_SYSCALLS!r}, worker.syscalls.__dict__)
""" + (ROOT / "worker" / "unsharing.py").read_text()
NOBODY = 65534
# A Python that any user may run: the tests' own may be in a home directory.
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "python3"
READ = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/sys")
_BEGINNING = """
import json, os, sys
kernel, kinds = Kernel(), {kinds!r}
try:
    unshare(kernel, kinds)
    if "pid" in kinds:
        pid = os.fork()
        if pid:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os.setsid()
    if "mount" in kinds:
        show(kernel, json.loads({view!r}))
except OSError as error:
    print(json.dumps(error.strerror))
    sys.exit()
"""


@contextlib.contextmanager
def anybodys() -> Iterator[Path]:
    """Give a block a directory below /tmp in which every user may write."""
    with tempfile.TemporaryDirectory(prefix="any-", dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def daemon_of_nobody() -> list[str]:
    """Return a command that is ``interpreterd`` as another user, by a Python that any user may run; may skip the test.

    The daemon's and the workers' Python is the machine's, with the packages of the tests' own.
    """
    python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    if os.geteuid() != 0 or python is None:
        pytest.skip("no other user, or no Python for it")
    path = f"PYTHONPATH={sysconfig.get_path('purelib')}:{ROOT}"
    who = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", path, "HOME=/nonexistent"]
    command = [
        *who,
        "env",
        path,
        "HOME=/nonexistent",
        f"INTERPRETERD_PYTHON={python}",
        python,
        "-P",
        "-m",
        "interpreterd",
    ]
    if subprocess.run([*command, "--version"], capture_output=True, check=False, cwd="/").returncode:
        pytest.skip("the tests' packages are out of another user's reach")
    return command


def unshared(
    code: str,
    kinds: Iterable[str],
    *,
    read: Iterable[str] = READ,
    write: Iterable[str] = (),
    user: int = 0,
    seen: Mapping[str, Any] | None = None,
) -> Any:
    """Return what ``code`` prints, as JSON; or the text of the error, if there are no such namespaces.

    It runs in namespaces of ``kinds``, as ``user``, with the view ``seen`` or else that of ``read`` and ``write``.
    """
    kinds = list(kinds)
    seen = seen or view(read=read, write=write, own_proc="pid" in kinds)
    program = SOURCE + _BEGINNING.format(kinds=kinds, view=json.dumps(dict(seen))) + code
    ran = subprocess.run(
        [PYTHON, "-I", "-c", "import sys; exec(sys.stdin.read())"],
        input=program,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        start_new_session=True,
        **({"user": user, "group": user, "extra_groups": []} if user else {}),
    )
    return json.loads(ran.stdout)


@cache
def _why_not(kinds: tuple[str, ...], user: int) -> str | None:
    told = unshared("print(json.dumps(None))", kinds, user=user)
    return None if told is None else str(told)


def need(*kinds: str, user: int = 0) -> None:
    """Skip the test if this machine has no namespaces of ``kinds`` for ``user``, or the tests do not run as root."""
    if user and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    if why := _why_not(kinds, user):
        pytest.skip(f"no such namespaces here: {why}")
