"""A descriptor that a worker sends together with a message: SCM_RIGHTS, unix(7).

The transport of a channel reads data alone, and a descriptor that comes with the data is lost. So while a descriptor is
expected, the transport pauses, and the channel is read here.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

_READ_BYTES: Final = 1 << 16
_INT_BYTES: Final = 4
_CONTROL_BYTES: Final = socket.CMSG_LEN(_INT_BYTES)  # for one descriptor: the kernel closes others
_FLAGS: Final = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC


class Handed:
    """Reads a channel in place of its transport, until one descriptor has come, or ``close`` is called.

    The owner calls ``close`` in any case.
    """

    def __init__(self, channel: socket.socket, transport: asyncio.Transport, feed: Callable[[bytes], None]) -> None:
        """Begin to read ``channel``, that of ``transport``; ``feed`` gets the data. Raises OSError."""
        self._transport = transport
        self._feed = feed
        self._descriptor: int | None = None
        # uvloop watches each descriptor for one owner only. Not dup(): by it the channel would block, as it once did.
        self._channel: socket.socket | None = socket.socket(fileno=os.dup(channel.fileno()))
        self._channel.setblocking(False)
        transport.pause_reading()
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._read, self._channel)

    def take(self) -> int | None:
        """Return the descriptor, if it has come; the caller closes it. Asked once."""
        descriptor, self._descriptor = self._descriptor, None
        return descriptor

    def stop(self) -> None:
        """Let the transport read again. Repeating it changes nothing."""
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def close(self) -> None:
        """Stop, and close a descriptor that was not taken. Repeating it changes nothing."""
        self.stop()
        if (descriptor := self.take()) is not None:
            os.close(descriptor)

    def _read(self, channel: socket.socket) -> None:
        try:
            data, control, _, _ = channel.recvmsg(_READ_BYTES, _CONTROL_BYTES, _FLAGS)
        except BlockingIOError:
            return
        except OSError:  # the transport will see it
            data, control = b"", []
        for level, kind, payload in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptor = int.from_bytes(payload[:_INT_BYTES], sys.byteorder)
        if control or not data:
            self.stop()
        if data:
            self._feed(data)
