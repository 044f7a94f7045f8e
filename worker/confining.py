"""Keeps this process, and all that it will start, from the rest of the machine: for the code of an isolated context.

Called before any such code runs, in a process with one thread. The daemon has decided everything. A step that fails
raises ``Unconfined``: the worker is then of no use, and the daemon says why.
"""

import os
import sys
from binascii import a2b_base64

from worker import landlock, streams
from worker.syscalls import libc

# <linux/prctl.h>, <linux/seccomp.h>, <linux/capability.h>
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 24, 28, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECUREBITS = 0x2F  # SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP, both locked, and SECBIT_KEEP_CAPS_LOCKED
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_LAST = 63
_OWN_PID = 0x7FFFFFF1  # in the program, see workers/isolation/seccomp.py


def prepare():
    """Load now what will be needed: in a template once for all its workers, or before a context waits for it."""
    from worker import anchor, belonging, first, handing, limiting, unsharing  # noqa: F401

    try:
        libc()
    except ImportError:
        pass


class Unconfined(Exception):
    """A step has failed."""


def confine(given, environ, channel, library):
    """Apply ``given``, the ``confine`` of the daemon's message; put its directories into ``environ``.

    ``channel`` leads to the daemon, ``library`` makes the calls of every worker. Return the descriptor at which the
    calls arrive that wait for the daemon's answer, or None if there are none; it has to be closed here.
    """
    _be_alone()
    step = "_ctypes"
    try:
        calls = libc()
        if given["namespaces"]:
            from worker import unsharing

            step = "namespaces"
            unsharing.enter(given, channel, library)
        step = "capabilities"
        _drop_bounds(calls)
        if "uid" in given:
            from worker.belonging import become

            step = "uid"
            become(calls, given["uid"])
        step = "no_new_privs"
        calls.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        step = "landlock"
        landlock.restrict(given["landlock"], calls)
        step = "capabilities"
        _drop_capabilities(calls)
        step = "seccomp"
        listener = _filter(a2b_base64(given["seccomp"]), "listener" in given, calls)
    except (ImportError, OSError) as error:
        raise Unconfined(f"cannot be isolated: {step}: {getattr(error, 'strerror', None) or error}") from None
    environ["HOME"] = given["home"]
    environ["TMPDIR"] = given["temporary"]
    _use_home(given["home"])
    return listener


def _be_alone():
    """End the worker's own thread, and refuse others: only the thread that calls this is confined."""
    streams.current.before_fork()
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise Unconfined(
            f"cannot be isolated: this Python starts with {threads - 1} more threads, which its isolation would not "
            "reach: a .pth file or sitecustomize makes them"
        )


def _drop_bounds(calls):
    """Give up the bounding and the ambient set, capabilities(7): not even a program of root's may get them again."""
    for capability in range(_CAP_LAST + 1):
        try:
            calls.call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:  # the kernel does not know it, or this process is not privileged: then no_new_privs is enough
            break
    else:
        capability = None
    try:
        calls.call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        if capability != 0:
            calls.call("prctl", PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0)
    except PermissionError:
        pass


def _drop_capabilities(calls):
    header = _CAPABILITY_VERSION_3.to_bytes(4, sys.byteorder) + bytes(4)
    calls.call("capset", header, bytes(24))


def _filter(program, listens, calls):
    """Let seccomp(2) judge each system call by ``program``. If it ``listens``, return the listener."""
    program = program.replace(_OWN_PID.to_bytes(4, sys.byteorder), os.getpid().to_bytes(4, sys.byteorder))
    listener = install(program, SECCOMP_FILTER_FLAG_NEW_LISTENER if listens else 0, calls)
    return listener if listens else None


def install(program, flags, calls):
    """Let ``program`` judge each system call as well, for good; return what the kernel says. Raises OSError."""
    # struct sock_fprog: the number of instructions, of eight bytes each, and their address
    count, address = len(program) // 8, calls.address_of(program)
    declared = count.to_bytes(8, sys.byteorder) + address.to_bytes(8, sys.byteorder)
    return calls.system("seccomp", SECCOMP_SET_MODE_FILTER, flags, declared)


def _use_home(home):
    """Let ``pip install`` without rights to the environment's own directory install for this context."""
    site = sys.modules.get("site")
    if site is not None and site.ENABLE_USER_SITE is not False and sys.prefix == sys.base_prefix:
        # As site does: its own functions would touch a hundred kilobytes of memory that workers of a template share.
        version = ".".join(map(str, sys.version_info[:2])) + ("t" if "t" in sys.abiflags else "")
        site.USER_BASE = home + "/.local"
        site.USER_SITE = f"{site.USER_BASE}/lib/python{version}/site-packages"
        sys.path.append(site.USER_SITE)
    tempfile = sys.modules.get("tempfile")  # of a template, which may have looked for its directory
    if tempfile is not None:
        tempfile.tempdir = None
