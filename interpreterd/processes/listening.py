"""Which sockets listen at a TCP port of this machine, by sock_diag(7): the kernel's own table, read by port."""

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_DUMP: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_REQUEST: Final = 0x1
_ERROR, _DONE = 2, 3  # netlink(7)
_LISTEN: Final = 10  # <net/tcp_states.h>
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: len, type, flags, seq, pid
_ASKED: Final = struct.Struct("=BBBxI")  # inet_diag_req_v2, before its inet_diag_sockid
_PORTS: Final = struct.Struct("!HH")
_NO_COOKIE: Final = struct.pack("=IQ", 0, (1 << 64) - 1)  # any interface, any cookie
_ONLY_V6: Final = 11  # INET_DIAG_SKV6ONLY
_ADDRESS_AT, _COUNTS_AT, _ATTRIBUTES_AT = 8, 56, 72  # inet_diag_msg: idiag_src; rqueue, wqueue, uid, inode; its size
_ANSWER_BYTES: Final = 1 << 16
LISTENERS_LIMIT: Final = 64  # at one port; more have no reader
_MAPPED: Final = bytes(10) + b"\xff\xff"
_Name = tuple[str, int] | tuple[str, int, int, int]  # as getsockname() has it


class ListeningSocket(NamedTuple):
    """A socket that listens.

    Attributes:
        inode: Its number, by which proc(5) shows who has it open.
        full: Whether its queue of connections that wait to be accepted is full: it drops further ones.
    """

    inode: int
    full: bool


class TooMany(Exception):
    """More than ``LISTENERS_LIMIT`` sockets listen at the port."""


def unmapped(address: bytes) -> bytes:
    """Return ``address``, of 4 or 16 bytes; the IPv4 address itself if it is one that is mapped into IPv6."""
    return address[12:] if address.startswith(_MAPPED) else address


class SocketTable:
    """Asks the kernel for sockets, in this process's network namespace. A question takes some 25 µs.

    The first question opens a descriptor, and raises OSError if the kernel has no such table (CONFIG_INET_DIAG), or a
    filter of system calls forbids it.
    """

    def __init__(self) -> None:
        self._opened: socket.socket | None = None
        self._number = 0

    @property
    def _socket(self) -> socket.socket:
        if self._opened is None:
            self._opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _SOCK_DIAG)
        return self._opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ask no more."""
        if self._opened is not None:
            self._opened.close()

    def listening(self, address: bytes, port: int) -> list[ListeningSocket]:
        """Return all sockets that may get a connection to ``address`` (``unmapped``) and ``port``.

        With SO_REUSEPORT there may be several, and the kernel chooses one for each connection. Sockets that are bound
        to the address and sockets that are bound to all addresses are both returned. Raises TooMany, OSError.
        """
        found = []
        families = (socket.AF_INET, socket.AF_INET6) if len(address) == 4 else (socket.AF_INET6,)
        for family in families:
            asked = _ASKED.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTEN)
            for answer in self._ask(asked + _PORTS.pack(port, 0) + bytes(32) + _NO_COOKIE, _DUMP):
                if _gets(answer, family, address):
                    waiting, room, _, inode = struct.unpack_from("=IIII", answer, _COUNTS_AT)
                    found.append(ListeningSocket(inode, waiting > room))
                    if len(found) > LISTENERS_LIMIT:
                        self._forget()
                        raise TooMany
        return found

    def connected(self, family: int, here: _Name, there: _Name) -> int | None:
        """Return the inode of the socket at ``here`` that is connected to ``there``; None if there is no such socket.

        The inode is 0 until the connection has been accepted. ``family`` is that of the names. Raises OSError.
        """
        ends = [unmapped(socket.inet_pton(family, name[0])) for name in (here, there)]
        asked = _ASKED.pack(socket.AF_INET if len(ends[0]) == 4 else socket.AF_INET6, socket.IPPROTO_TCP, 0, 0)
        place = _PORTS.pack(here[1], there[1]) + b"".join(end.ljust(16, b"\0") for end in ends)
        try:
            answer = next(self._ask(asked + place + _NO_COOKIE, _REQUEST))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        inode: int = struct.unpack_from("=I", answer, _COUNTS_AT + 12)[0]
        return None if answer[1] == _LISTEN else inode

    def _ask(self, question: bytes, flags: int) -> Iterator[bytes]:
        """Yield the kernel's answers, without their headers. It has written them before send(2) returns."""
        self._number = self._number % 0xFFFFFFFF + 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, flags, self._number, 0) + question)
        while True:
            data = memoryview(self._socket.recv(_ANSWER_BYTES))
            while data:
                length, kind, _, number, _ = _HEADER.unpack_from(data)
                if number == self._number:
                    if kind == _DONE:
                        return
                    if kind == _ERROR:
                        failed = -struct.unpack_from("=i", data, _HEADER.size)[0]
                        raise OSError(failed or errno.EPROTO, "sock_diag")
                    yield bytes(data[_HEADER.size : length])
                    if not flags & (_DUMP & ~_REQUEST):
                        return
                data = data[(length + 3) & ~3 :]

    def _forget(self) -> None:
        """Drop the rest of an answer."""
        with contextlib.suppress(OSError):
            while self._socket.recv(_ANSWER_BYTES):
                pass


def _gets(answer: bytes, family: int, address: bytes) -> bool:
    """Return whether the listening socket that ``answer`` describes may get a connection to ``address``."""
    bound = unmapped(answer[_ADDRESS_AT : _ADDRESS_AT + (4 if family == socket.AF_INET else 16)])
    if any(bound):
        return bound == address
    return len(bound) == len(address) or (len(bound) == 16 and not _is_only_v6(answer))


def _is_only_v6(answer: bytes) -> bool:
    at = _ATTRIBUTES_AT
    while at + 4 <= len(answer):
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == _ONLY_V6:
            return answer[at + 4] != 0
        at += max((length + 3) & ~3, 4)
    return False
