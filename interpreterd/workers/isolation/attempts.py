"""Connections that the daemon makes for a context."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Final

from interpreterd.processes.notifications import HeldCall
from interpreterd.processes.owners import Owners
from interpreterd.workers.isolation.destinations import Destination

UNWAITED_LIMIT_S: Final = 0.1  # for a caller that would not wait; mostly the kernel is done before connect(2) returns
_ESTABLISHED, _SYN_SENT, _SYN_RECV, _CLOSE = 1, 2, 3, 7  # <net/tcp_states.h>, of tcp_info


class Attempt:
    """A socket of the daemon that is being connected to ``to``; ``close`` it.

    Attributes:
        call: The caller's, which waits.
        listening: The inodes of the sockets that may get the connection, as they were judged.
        owners: Those of the caller's family.
        socket: It does not block.
        inode: The socket's.
        here, there: The names of its two ends, once it is connected.
        has_waited: Whether ``wait`` has been called.
    """

    def __init__(self, call: HeldCall, to: Destination, listening: frozenset[int], owners: Owners) -> None:
        """Begin to connect. Raises OSError if there is no socket to be had."""
        self.call = call
        self.to = to
        self.listening = listening
        self.owners = owners
        self.socket = socket.socket(to.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.inode = os.fstat(self.socket.fileno()).st_ino
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._failure = self.socket.connect_ex(to.name)
        except BaseException:
            self.socket.close()
            raise
        if self._failure == errno.EINPROGRESS:
            self._failure = 0
        self.here: tuple[str, int] = ("", 0)
        self.there: tuple[str, int] = ("", 0)
        self.has_waited = False
        self._waiting: asyncio.AbstractEventLoop | None = None
        self._limit: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has neither succeeded nor failed yet."""
        return self._state() in (_SYN_SENT, _SYN_RECV)

    def failure(self) -> int:
        """Return the errno with which it has failed; 0 if it has not. Asked once."""
        self._failure = self._failure or self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not self._failure and not self.is_open:
            try:
                self.here, self.there = self.socket.getsockname()[:2], self.socket.getpeername()[:2]
            except OSError as error:  # it was connected, and has been reset
                self._failure = error.errno or errno.ECONNRESET
        return self._failure

    def wait(self, then: Callable[[], None]) -> None:
        """Call ``then``, once, when it has succeeded or failed, or the caller would have waited too long."""

        def end() -> None:
            self._stop()
            then()

        self.has_waited = True
        self._waiting = asyncio.get_running_loop()
        self._waiting.add_writer(self.socket.fileno(), end)
        if not self.to.waits:
            self._limit = self._waiting.call_later(UNWAITED_LIMIT_S, end)

    def close(self) -> None:
        """Wait no more, and close the daemon's descriptor. Repeating it changes nothing."""
        self._stop()
        self.socket.close()

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.remove_writer(self.socket.fileno())
            self._waiting = None
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _state(self) -> int:
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
