"""Where a connect(2) wants to go, read from its caller, and whether that is a TCP port of this very machine."""

import errno
import os
import socket
import struct
from typing import Final, NamedTuple

from interpreterd.processes import callers
from interpreterd.processes.listening import unmapped
from interpreterd.processes.notifications import HeldCall

_LONGEST: Final = 128  # sockaddr_storage: the kernel takes no more
_READ: Final = 28  # sockaddr_in6
_V4, _V6 = 16, 24  # the shortest sockaddr_in and sockaddr_in6 that the kernel takes
_INT: Final = 0xFFFFFFFF
_PROTOCOLS: Final = {socket.AF_INET: "TCP", socket.AF_INET6: "TCPv6"}
_ANY: Final = (bytes(4), bytes(16))
_OURSELVES: Final = {4: b"\x7f\0\0\1", 16: bytes(15) + b"\1"}


class Destination(NamedTuple):
    """A TCP port of this machine, to which a caller's socket is to be connected.

    Attributes:
        family: Of the socket: AF_INET or AF_INET6.
        address: 4 or 16 bytes; an IPv4 address is ``unmapped``, also if the socket is an IPv6 one.
        port: Not 0.
        descriptor: The socket's, in the caller.
        socket: What that is.
    """

    family: socket.AddressFamily
    address: bytes
    port: int
    descriptor: int
    socket: callers.OpenSocket

    @property
    def waits(self) -> bool:
        """Whether the caller waits for the connection; otherwise it asks later."""
        return not self.socket.flags & os.O_NONBLOCK

    @property
    def name(self) -> tuple[str, int]:
        """The address as Python's sockets of ``family`` take it."""
        if self.family == socket.AF_INET6 and len(self.address) == 4:
            return "::ffff:" + socket.inet_ntop(socket.AF_INET, self.address), self.port
        return socket.inet_ntop(self.family, self.address), self.port


def destination(call: HeldCall, ports: frozenset[int]) -> Destination | None:
    """Return where ``call``, a connect(2), wants to go; None if it is no TCP port of this machine, or is in ``ports``.

    All that it reads is the caller's to write, at any time. Raises OSError if it cannot be read.
    """
    descriptor, pointer, length = call.arguments[:3]
    descriptor, length = descriptor & _INT, length & _INT  # as the kernel takes them
    if call.thread == 0 or descriptor > _INT >> 1 or not _V4 <= length <= _LONGEST:
        return None
    read = parsed(callers.read_memory(call.thread, pointer, min(length, _READ)))
    if read is None:
        return None
    family, address, port = read
    if port == 0 or port in ports or not _is_here(address):
        return None
    found = callers.socket_of(call.thread, descriptor)
    if found is None or found.protocol != _PROTOCOLS[family]:
        return None
    return Destination(family, address, port, descriptor, found)


def parsed(data: bytes) -> tuple[socket.AddressFamily, bytes, int] | None:
    """Return family, ``unmapped`` address and port of a sockaddr_in or sockaddr_in6; None if it is neither.

    To connect to all addresses is to connect to the loopback interface: so it is in Linux.
    """
    if len(data) < _V4:
        return None
    family, port = struct.unpack("=H", data[:2])[0], int.from_bytes(data[2:4], "big")
    if family == socket.AF_INET:
        address = data[4:8]
    elif family == socket.AF_INET6 and len(data) >= _V6:
        address = unmapped(data[8:24])
    else:
        return None
    if address in _ANY:
        address = _OURSELVES[len(address)]
    return socket.AddressFamily(family), address, port


def _is_here(address: bytes) -> bool:
    """Return whether ``address`` is one of this machine's own: then a socket can be bound to it."""
    if address == _OURSELVES[16] or (len(address) == 4 and address[0] == 127):
        return True
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((socket.inet_ntop(family, address), 0))
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL, errno.ENODEV):
                return False
            raise
    return True
