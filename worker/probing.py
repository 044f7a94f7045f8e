"""Finds out what this machine can do to isolate a worker: by trying it. Run once, in a process of its own."""

import os
import sys

from worker import unsharing
from worker.syscalls import LANDLOCK_CREATE_RULESET, Libc

LANDLOCK_CREATE_RULESET_VERSION = 1
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_RET_ERRNO = 0x00050000


def found(views):
    """Return what ``Abilities`` says, as JSON can hold it; ``views`` are the two of ``namespaces.views``."""
    answer = {
        "architecture": os.uname().machine,
        "landlock": 0,
        "seccomp": False,
        "is_root": os.geteuid() == 0,
        "paths": _paths(),
    }
    answer["namespaces"] = _namespaces(views)
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


def _namespaces(views):
    """Return whether the other namespaces need one of users, and why each kind cannot be had, empty if it can."""
    plain = _refusal(["mount"], views)
    base, missing = [], {"mount": plain}
    if plain:
        base, missing["user"] = ["user"], _refusal(["user"], views)
        missing["mount"] = (missing["user"] and plain) or _refusal(["user", "mount"], views)
    for kind in ("pid", "ipc", "net"):
        missing[kind] = _refusal([*base, *(["mount"] if kind == "pid" else []), kind], views)
    return {"user": bool(base), "missing": {kind: why for kind, why in missing.items() if why}}


def _refusal(kinds, views):
    """Try ``kinds`` as a worker does, in a process of its own; return the call that fails and why, or nothing."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if not pid:
        told = "+"
        try:
            kernel = unsharing.Kernel()
            unsharing.unshare(kernel, kinds)
            if "pid" in kinds and os.fork():
                os.close(write_fd)
                os.wait()
                os._exit(0)
            if "mount" in kinds:
                unsharing.show(kernel, views["pid" in kinds])
        except OSError as error:
            told = error.strerror
        except BaseException as error:
            told = repr(error)
        os.write(write_fd, told.encode())
        os._exit(0)
    os.close(write_fd)
    told = os.read(read_fd, 4096).decode() or "the kernel killed the process that tried"
    os.close(read_fd)
    os.waitpid(pid, 0)
    return "" if told == "+" else told


def _paths():
    """Return where this Python and its packages are."""
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    executables = [sys.executable, os.path.realpath(sys.executable)]  # not their directory: it may be a home
    return list(dict.fromkeys(path for path in (*prefixes, *executables, *sys.path) if path.startswith("/")))
