"""Finds out what this machine can do to isolate a worker: by trying it. Run once, in a process of its own."""

import os
import sys

from worker.syscalls import LANDLOCK_CREATE_RULESET, Libc

LANDLOCK_CREATE_RULESET_VERSION = 1
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_RET_ERRNO = 0x00050000


def found():
    """Return what ``Abilities`` says, as JSON can hold it."""
    answer = {"architecture": os.uname().machine, "landlock": 0, "seccomp": False, "namespaces": [], "paths": _paths()}
    try:
        calls = Libc()
    except ImportError:
        return answer
    try:
        answer["landlock"] = calls.system(LANDLOCK_CREATE_RULESET, 0, 0, LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:  # an older kernel, or one that was started without it
        pass
    try:
        calls.system("seccomp", SECCOMP_GET_ACTION_AVAIL, 0, SECCOMP_RET_ERRNO.to_bytes(4, sys.byteorder))
        answer["seccomp"] = True
    except OSError:
        pass
    return answer


def _paths():
    """Return where this Python and its packages are."""
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    executables = [os.path.dirname(sys.executable), os.path.dirname(os.path.realpath(sys.executable))]
    return list(dict.fromkeys(path for path in (*prefixes, *executables, *sys.path) if path.startswith("/")))
