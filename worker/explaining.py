"""Notes on errors that the context's isolation has caused: what is off here, and what is allowed instead.

Loaded when an execution of an isolated context ends with an exception. What has caused an error is found out by
looking again: ``access`` answers by ordinary permissions, which Landlock does not change. As far as can be told, an
error that isolation has not caused gets no note.
"""

import errno
import os
import re
import stat
import sys

from worker.report import describe

CHAIN_LIMIT = 16  # exceptions that are looked at: causes, contexts, reasons, members of groups
_FILES = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV, errno.ENOENT}
_CALLS = {errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT}
_CALLED = re.compile(r"\b(\w+)\s*\(")
_NETWORK = {
    "connect",
    "connect_ex",
    "sock_connect",
    "create_connection",
    "open_connection",
    "sendto",
    "sendmsg",
    "bind",
    "listen",
    "create_server",
    "start_server",
}
_SHARING = {"SemLock", "shm_open"}  # of locks and shared memory: files in /dev/shm
# Functions that ask for what is off in every isolated context. One that is not here gets no note: anything may answer
# EPERM.
_OFF = {
    "kill",
    "killpg",
    "send_signal",
    "terminate",
    "pidfd_send_signal",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_setparam",
    "setpriority",
    "nice",
    "ionice",
    "cpu_affinity",
    "rlimit",
    "prlimit",
    "pidfd_getfd",
    "unshare",
    "setns",
    "chroot",
    "sethostname",
    "mount",
    "umount",
    "pivot_root",
    "mknod",
    "clock_settime",
    "clock_settime_ns",
    "setuid",
    "seteuid",
    "setreuid",
    "setresuid",
    "setgid",
    "setegid",
    "setregid",
    "setresgid",
    "setgroups",
    "initgroups",
}


def describe_refused(raised, confine):
    """Do as ``describe``, with a note if isolation has caused the error."""
    try:
        note = explain(raised, confine)
    except Exception:  # user code has broken something that this needs
        note = None
    error = describe(raised)
    if note is not None:
        add_to(error, note)
    return error


def explain(raised, confine):
    """Add a note to ``raised`` if isolation has caused it; return the note, or None.

    Runs user code, so it may raise anything.

    Args:
        confine: What the worker was confined by: ``Configure`` in PROTOCOL.md.
    """
    for error in _chain(raised):
        kind = _kind(error, confine) if issubclass(type(error), OSError) else None
        note = confine["notes"].get(kind)
        if note:
            if sys.version_info >= (3, 11) and note not in getattr(raised, "__notes__", ()):
                BaseException.add_note(raised, note)
            return note
    return None


def add_to(error, note):
    """Add ``note`` to the description of an exception, if its Python does not know notes: before 3.11."""
    if sys.version_info < (3, 11):
        error["traceback"] += note + "\n"
        if "notes" in error:
            error["notes"].append(note)


def _chain(raised):
    """Yield an exception, and those that it wraps in any of the usual ways."""
    waiting, seen = [raised], set()
    while waiting and len(seen) < CHAIN_LIMIT:
        error = waiting.pop(0)
        if not isinstance(error, BaseException) or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        waiting += [error.__cause__, error.__context__, getattr(error, "reason", None)]
        members = getattr(error, "exceptions", ())
        waiting += members if type(members) is tuple else ()


def _kind(error, confine):
    """Return the kind of the note for ``error``; None if isolation has not caused it."""
    if type(error.errno) is not int:
        return None
    if error.errno in _CALLS:
        called = _called(error)
        if error.filename is None and called & _NETWORK:
            return "connect" if error.errno in (errno.EACCES, errno.EPERM) else None
        if error.filename is None and "socket" in called:
            return "call"
        if called & _SHARING and error.errno == errno.EACCES:
            return "memory"
        if called & _OFF and error.errno in (errno.EPERM, errno.ENOSYS):
            return "call"
    if error.errno in _FILES:
        for path in (error.filename, error.filename2):
            if type(path) in (str, bytes) and path:
                kind = _kind_of_file(error.errno, os.fsdecode(path), confine)
                if kind:
                    return kind
    return None


def _called(error):
    """Return the names of functions in the line of source that has raised ``error``, as far as it is known."""
    import linecache

    frames = error.__traceback__
    if frames is None:
        return set()
    while frames.tb_next is not None:
        frames = frames.tb_next
    code = frames.tb_frame.f_code
    line = linecache.getline(code.co_filename, frames.tb_lineno, frames.tb_frame.f_globals)
    return set(_CALLED.findall(line.replace("_socket.socket.__init__(", "socket(")))


def _kind_of_file(number, path, confine):
    landlock = confine["landlock"]
    write = [os.path.realpath(it) for it in (*landlock["write"], *landlock["devices"])]
    read = [os.path.realpath(it) for it in (*landlock["read"], *landlock.get("asked", ()))]
    path = os.path.abspath(path)
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # of a link, the link
    target = os.path.realpath(real)
    may_write, may_read = _is_below(target, write), _is_below(target, read)
    if may_write and _is_below(real, write):
        return None
    if number == errno.EXDEV:
        return "write"
    if number == errno.ENOENT:
        is_hidden = "mount" in confine["namespaces"] and not may_read and not may_write
        return "read" if is_hidden else None
    if number == errno.EROFS or not os.path.lexists(target) or (may_read and _opens(target)):
        return "write" if _could_write(target) else None
    return "read" if os.access(target, os.R_OK) else None


def _is_below(path, folders):
    return any(path == it or path.startswith(it.rstrip("/") + "/") for it in folders)


def _opens(path):
    """Return whether ``path`` can be read, or, if it does not exist, the directory that would hold it."""
    while True:
        try:
            mode = os.stat(path).st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # opening anything else may have effects
                os.close(os.open(path, os.O_RDONLY))
        except FileNotFoundError:
            if path == "/":
                return False
            path = os.path.dirname(path)
        except OSError:
            return False
        else:
            return True


def _could_write(path):
    """Return whether ordinary permissions would let this process write to ``path``, or make it."""
    while not os.path.lexists(path) and path != "/":
        path = os.path.dirname(path)
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return True  # the view of a mount namespace makes it so
    except OSError:
        return False
    return os.access(path, os.W_OK)
