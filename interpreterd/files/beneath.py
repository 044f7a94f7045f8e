"""Names below a directory, resolved so that nothing outside of it is reached, whatever user code does meanwhile.

The result is a descriptor with O_PATH: opening one has no effect on a FIFO or a device. The kernel itself keeps the way
below the directory, openat2(2). Where it cannot (before Linux 5.6, gVisor, an old seccomp profile), ``_descend`` goes
from directory to directory. Both follow a symbolic link that is relative and leads to a place below the directory.
"""

import contextlib
import ctypes
import errno
import functools
import os
import stat
from collections import deque
from typing import Final

from interpreterd.files.rights import as_daemon

_OPENAT2: Final = 437  # on every architecture but Alpha
_NO_MAGICLINKS: Final = 0x02  # openat2(2)
_NO_SYMLINKS: Final = 0x04
_BENEATH: Final = 0x08
_AT_FDCWD: Final = -100
LINKS_LIMIT: Final = 40  # path_resolution(7)
TRIES: Final = 32


class _How(ctypes.Structure):
    """struct open_how, openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_directory(path: str) -> int:
    """Return an O_PATH descriptor of the directory ``path``, which is absolute and has no symbolic link.

    It is found with the daemon's rights: a context may work in a directory below others that its user may not enter.

    Raises:
        OSError: It is not there, or has a symbolic link by now (ELOOP).
    """
    with as_daemon():
        return _open_directory(path)


def _open_directory(path: str) -> int:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    if has_openat2():
        return _openat2(_AT_FDCWD, path, flags, _NO_SYMLINKS)
    fd = os.open("/", flags)
    for name in filter(None, path.split("/")):
        try:
            inner = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
        mode = os.fstat(fd).st_mode
        if not stat.S_ISDIR(mode):
            os.close(fd)
            raise _error(errno.ELOOP if stat.S_ISLNK(mode) else errno.ENOTDIR)
    return fd


def locate(directory: int, path: str, *, follow: bool = True) -> int:
    """Return an O_PATH descriptor of what ``path`` names below ``directory``; ``.`` is the directory itself.

    Args:
        directory: Its descriptor.
        path: Relative, with ``model.files.path_parts`` as its parts.
        follow: Whether a link that is the last part is followed.

    Raises:
        OSError: EXDEV if a link leads out of the directory; others as openat2(2).
    """
    if not has_openat2():
        return _descend(directory, path, follow=follow)
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    for _ in range(TRIES):
        with contextlib.suppress(BlockingIOError):  # something was renamed while the kernel followed a ``..``
            return _openat2(directory, path, flags, _BENEATH | _NO_MAGICLINKS)
    raise _error(errno.EBUSY)


def reopen(fd: int, flags: int) -> int:
    """Open what an O_PATH descriptor stands for; its name does not matter any more."""
    return os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC)


@functools.cache
def has_openat2() -> bool:
    """Return whether the kernel knows openat2(2), and lets this process use it."""
    try:
        os.close(_openat2(_AT_FDCWD, "/", os.O_PATH | os.O_CLOEXEC, _NO_SYMLINKS))
    except OSError:
        return False
    return True


def _openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    how = _How(flags, 0, resolve)
    name = ctypes.c_char_p(os.fsencode(path))
    fd: int = _libc().syscall(_OPENAT2, directory, name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    if fd < 0:
        raise _error(ctypes.get_errno())
    return fd


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _descend(directory: int, path: str, *, follow: bool) -> int:
    """Do the same as ``locate``, step by step: each directory on the way stays open, and ``..`` returns to it."""
    way = [os.open(".", os.O_PATH | os.O_CLOEXEC, dir_fd=directory)]
    left = deque(path.split("/"))
    links = 0
    try:
        while left:
            match left.popleft():
                case "" | ".":
                    continue
                case "..":
                    if len(way) == 1:
                        raise _error(errno.EXDEV)
                    os.close(way.pop())
                    continue
                case name:
                    way.append(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=way[-1]))
            mode = os.fstat(way[-1]).st_mode
            if stat.S_ISLNK(mode) and (left or follow):
                if (links := links + 1) > LINKS_LIMIT:
                    raise _error(errno.ELOOP)
                target = os.readlink("", dir_fd=way[-1])
                os.close(way.pop())
                if target.startswith("/"):
                    raise _error(errno.EXDEV)
                left.extendleft(reversed(target.split("/")))
            elif left and not stat.S_ISDIR(mode):
                raise _error(errno.ENOTDIR)
        return way.pop()
    finally:
        for fd in way:
            os.close(fd)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
