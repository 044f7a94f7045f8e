"""The rights with which a thread works on files: the daemon's own, or those of another user, as a worker may have.

In Linux each thread has a user of its own for files, setfsuid(2). With it a superuser's capabilities for files go, see
capabilities(7), "Effect of user ID changes on capabilities", and come back with the daemon's own user.
"""

import contextlib
import ctypes
import errno
import functools
import os
import threading
from collections.abc import Iterator
from typing import Final

_SETGROUPS: Final = {"x86_64": 116, "ppc64le": 81, "s390x": 206, "i686": 206, "armv7l": 206}
_SETGROUPS_ELSEWHERE: Final = 159  # aarch64, riscv64, loongarch64: the kernel's generic table
_KEPT: Final = ctypes.c_uint32(-1)  # no user's number: the calls change nothing then, and return what is set
_acting = threading.local()


def drop_groups() -> None:
    """Take all supplementary groups from this thread, for good; a superuser's may open files that others may not.

    Not ``os.setgroups``: the C library does that for all threads of the process.

    Raises:
        OSError: CAP_SETGID is missing.
    """
    number = _SETGROUPS.get(os.uname().machine, _SETGROUPS_ELSEWHERE)
    if _libc().syscall(number, 0, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Work on files as ``user``, and its group of the same number, within the block; only this thread does.

    The block must start no thread: that would begin, and stay, with these rights.

    Raises:
        OSError: EPERM, if this process may not.
    """
    try:
        _become(user, user)
        _acting.user = user
        yield
    finally:
        _acting.user = None
        _become(os.geteuid(), os.getegid())


@contextlib.contextmanager
def as_daemon() -> Iterator[None]:
    """Work on files with the daemon's rights within the block, also within that of ``acting_as``."""
    user = getattr(_acting, "user", None)
    if user is None:
        yield
        return
    _become(os.geteuid(), os.getegid())
    try:
        yield
    finally:
        _become(user, user)


def _become(user: int, group: int) -> None:
    libc = _libc()
    libc.setfsgid(group)
    libc.setfsuid(user)
    # The calls report no errors: setfsuid(2), BUGS.
    if libc.setfsuid(_KEPT) & 0xFFFFFFFF != user or libc.setfsgid(_KEPT) & 0xFFFFFFFF != group:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
