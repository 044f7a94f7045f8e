"""A thread that waits in a system call, as proc(5) shows it: its memory, and the sockets that it has open.

The daemon may look if it could trace the thread, ptrace(2). Otherwise, and if the thread has gone, all functions raise
OSError. Its number belongs to the caller only while the call waits: ask again after looking.
"""

import os
import re
from typing import Final, NamedTuple

_FLAGS: Final = re.compile(rb"^flags:\s*([0-7]+)", re.MULTILINE)
_PROCESS: Final = re.compile(rb"^Tgid:\s*(\d+)", re.MULTILINE)
_READ_BYTES: Final = 4096
_HIGHEST_ADDRESS: Final = (1 << 63) - 1
_PROTOCOL: Final = "system.sockprotoname"


class OpenSocket(NamedTuple):
    """A descriptor of the caller that is a socket.

    Attributes:
        protocol: Its name in the kernel, for example ``TCPv6``.
        inode: Its number, by which proc(5) shows it everywhere.
        flags: As for open(2), with O_NONBLOCK and O_CLOEXEC.
    """

    protocol: str
    inode: int
    flags: int


def read_memory(thread: int, address: int, size: int) -> bytes:
    """Return up to ``size`` bytes of the thread's memory at ``address``."""
    if address > _HIGHEST_ADDRESS - size:
        return b""
    fd = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, size, address)
    finally:
        os.close(fd)


def socket_of(thread: int, descriptor: int) -> OpenSocket | None:
    """Return what ``descriptor`` is in the thread; None if it is no socket."""
    path = f"/proc/{thread}/fd/{descriptor}"
    inode = socket_inode(os.readlink(path))
    if inode is None:
        return None
    protocol = os.getxattr(path, _PROTOCOL).rstrip(b"\0").decode("ascii", "replace")
    with open(f"/proc/{thread}/fdinfo/{descriptor}", "rb", 0) as file:
        found = _FLAGS.search(file.read(_READ_BYTES))
    return OpenSocket(protocol, inode, int(found[1], 8) if found else 0)


def process_of(thread: int) -> int:
    """Return the process of ``thread``, a number as proc(5) has it; 0 if it has gone."""
    try:
        with open(f"/proc/{thread}/status", "rb", 0) as file:
            found = _PROCESS.search(file.read(_READ_BYTES))
    except OSError:
        return 0
    return int(found[1]) if found else 0


def socket_inode(link: str) -> int | None:
    """Return the inode that a link in ``/proc/PID/fd`` names, if that is a socket."""
    return int(link[8:-1]) if link.startswith("socket:[") else None
