"""Whether the client of an HTTP answer is still there: aiohttp tells only those who write, and that late."""

import asyncio
import contextlib
import fcntl
import select
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Final, cast

from aiohttp import web

_KEEPALIVE_LIMIT_S: Final = 32767
PROBE_PERIOD_S: Final = 10
_TIMEOUT_LIMIT_MS: Final = 2**31 - 1


@contextlib.contextmanager
def when_gone(request: web.Request, tell: Callable[[], object], patience_s: float) -> Iterator[None]:
    """Call ``tell`` when the client's connection ends within the block, also if it has ended before.

    A client whose machine does not answer, or that takes nothing of what waits for it, for ``patience_s``, has gone.
    """
    transport = request.transport
    if transport is None:
        tell()
        yield
        return
    _limit_silence(transport.get_extra_info("socket"), patience_s)
    protocol = cast("asyncio.Protocol", transport.get_protocol())
    transport.set_protocol(_Listener(protocol, tell))
    try:
        yield
    finally:
        transport.set_protocol(protocol)


class _Listener(asyncio.Protocol):
    """Passes everything on, and tells of the end."""

    def __init__(self, protocol: asyncio.Protocol, tell: Callable[[], object]) -> None:
        self._protocol = protocol
        self._tell = tell

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self._tell()


def untaken_bytes(transport: asyncio.Transport) -> int:
    """Return how much of what was written the client has not taken: with SIOCOUTQ, tcp(7). 0 if it closes.

    On TCP that is what has not reached the client's machine; on a unix socket it is what the program there has not
    read, in bytes of the kernel's memory.
    """
    if transport.is_closing():  # and its descriptor perhaps another one's
        return 0
    fd = transport.get_extra_info("socket").fileno()
    in_kernel = int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder)
    return transport.get_write_buffer_size() + in_kernel


def _limit_silence(sock: socket.socket, patience_s: float) -> None:
    """Have the kernel end the connection, tcp(7): one that is silent is probed after two thirds of the time."""
    probe_after_s = max(1, int(patience_s / 1.5))
    with contextlib.suppress(OSError):  # it has ended just now
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(probe_after_s, _KEEPALIVE_LIMIT_S))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, min(max(1, probe_after_s // 2), _KEEPALIVE_LIMIT_S))
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(max(1, int(patience_s * 1000)), _TIMEOUT_LIMIT_MS)
        )


def probe(sock: socket.socket) -> None:
    """Have the kernel ask now and then whether the other side is still there: its refusal ends the connection."""
    with contextlib.suppress(OSError):  # a unix socket needs none
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_PERIOD_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_PERIOD_S)


def has_closed(transport: asyncio.Transport) -> bool:
    """Return whether the client has closed its socket, both ways, after it has closed one.

    A unix socket says so. TCP does when the client's machine has refused something that was sent: an event, or one of
    the kernel's probes. Linux answers those for a minute (tcp_fin_timeout) after a program has closed.
    """
    if transport.is_closing():
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)
    return bool(poll.poll(0))
