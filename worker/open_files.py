"""Descriptors and memory of this process that its forks would share with it."""

import os
import stat
import sys

from worker import streams
from worker.imports import identity
from worker.unseen import unseen

_ACCESS = 0o3  # O_ACCMODE
_MAPS_LIMIT_BYTES = 4 << 20
_SQLITE = b"SQLite format 3\0"
_SHARED = ("/dev/shm/", "/memfd:")
_OWN = "/memfd:interpreterd-worker"


def descriptors(channel_fd):
    """Yield each descriptor that is not the worker's own, as ``channel_fd`` is.

    That is: its number, its file's status, and what proc(5) calls it.
    """
    current = streams.current
    own = {identity(fd) for fd in (channel_fd, current.display_fd, *current.spare_fds.values())}
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) not in own:
                target = os.readlink(f"/proc/self/fd/{name}")
                if not target.startswith(_OWN):
                    yield fd, status, target
        except OSError:  # the listing's own
            pass


def of_descriptors(channel_fd, loops):
    """Yield what the descriptors of user code lose: a kind and a name for each. Those of ``loops`` lose nothing."""
    skipped = {fd for loop in loops for fd in loop_descriptors(loop)}
    for fd, status, target in descriptors(channel_fd):
        if fd in skipped or stat.S_ISDIR(status.st_mode):
            continue
        if stat.S_ISCHR(status.st_mode):
            if target.startswith(("/dev/nvidia", "/dev/dri/", "/dev/kfd")):
                yield "gpu", target
        elif stat.S_ISSOCK(status.st_mode):
            yield "socket", _socket_name(fd)
        elif stat.S_ISFIFO(status.st_mode):
            yield "pipe", target if target.startswith("/") else f"descriptor {fd}"
        elif stat.S_ISREG(status.st_mode):
            yield from _of_file(fd, target)
        else:
            yield "descriptor", f"{target.replace('anon_inode:', '')}, descriptor {fd}"


def _of_file(fd, target):
    path = target.removesuffix(" (deleted)")
    if path.startswith(_SHARED):
        yield "shared_memory", path
    elif not is_read_only(fd):
        if "_sqlite3" in sys.modules and not path.endswith(("-wal", "-shm", "-journal")) and _is_sqlite(fd):
            yield "connection", f"sqlite3 {path}"
        else:
            yield "file", path
    elif not can_reopen(fd):
        yield "file", path


def _is_sqlite(fd):
    try:
        return os.pread(fd, len(_SQLITE), 0) == _SQLITE
    except OSError:
        return False


def is_read_only(fd):
    """Return whether nothing can be written to ``fd``."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_GETFL) & _ACCESS == os.O_RDONLY


def can_reopen(fd):
    """Return whether ``reopen`` would work in a copy."""
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def reopen(fd):
    """Give ``fd``, a file that is only read, a position of its own, which is where it was. Raises OSError."""
    import fcntl

    flags = fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_CLOEXEC
    new = os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC)
    try:
        os.lseek(new, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
        os.dup2(new, fd, os.get_inheritable(fd))
    finally:
        os.close(new)


def loop_descriptors(loop):
    """Return the descriptors of an event loop's own, which can be made anew; for a loop of another kind, nothing."""
    try:
        return [loop._selector.fileno(), loop._ssock.fileno(), loop._csock.fileno()]
    except AttributeError:
        return []


def _socket_name(fd):
    _socket = unseen("_socket")
    end = _socket.socket(fileno=fd)
    try:
        kind = {_socket.SOCK_STREAM: "tcp", _socket.SOCK_DGRAM: "udp"}.get(end.type, "raw")
        if end.family not in (_socket.AF_INET, _socket.AF_INET6):
            kind = "unix" if end.family == _socket.AF_UNIX else f"family {end.family}"
        try:
            there = " connected" if kind == "unix" else f" to {_address(end.getpeername())}"
        except OSError:
            there = " listening" if end.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN) else ""
        return f"{kind} {_address(end.getsockname())}".rstrip() + there
    except OSError:
        return f"descriptor {fd}"
    finally:
        end.detach()


def _address(name):
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"
    return os.fsdecode(name).replace("\0", "@")


def of_mappings():
    """Yield the memory that is shared with all processes that map it, and so with the copies."""
    if not _has_shared_memory():
        return
    with open("/proc/self/maps", "rb", 0) as file:
        pieces, size = [], 0
        while size < _MAPS_LIMIT_BYTES and (piece := file.read(1 << 16)):
            pieces.append(piece)
            size += len(piece)
    for line in b"".join(pieces).splitlines():
        fields = line.split(None, 5)
        if len(fields) > 1 and fields[1].startswith(b"rw") and fields[1].endswith(b"s"):
            path = os.fsdecode(fields[5]) if len(fields) > 5 else "without a name"
            path = path.removesuffix(" (deleted)")
            yield ("gpu", path) if path.startswith("/dev/nvidia") else ("shared_memory", path)


def _has_shared_memory():
    """Ask cheaply: reading all mappings takes half a millisecond with large libraries."""
    with open("/proc/self/status", "rb", 0) as file:
        return b"RssShmem:\t       0 kB" not in file.read(1 << 14)
