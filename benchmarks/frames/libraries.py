"""The readers and writers that are compared, each behind one face."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp._websocket.writer import WebSocketWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WebSocketError, WSMsgType
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as Sansio
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message

from interpreterd.http.websocket import frames

picows: Any = importlib.import_module("picows")
WSProtocol: Any = importlib.import_module("picows.picows").WSProtocol
LIMIT_BYTES: Final = 16 << 20
HEAD: Final = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

# What data gave: whole messages of text and binary, and the close code of a violation, which is the last.
Read = Callable[[bytes], list[bytes | int]]
Write = Callable[[bytes], object]


class Void:
    """A transport that keeps nothing, and its own socket. picows sets options of a TCP socket."""

    family = 0

    def get_extra_info(self, name: str) -> Any:
        return self if name == "socket" else None

    def fileno(self) -> int:
        return -1

    def setsockopt(self, *option: int) -> None:
        pass

    def getsockopt(self, *option: int) -> int:
        return 0

    def write(self, data: bytes) -> None:
        pass

    def writelines(self, data: list[bytes]) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 1  # so picows writes here, not to the socket

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    abort = close


def own_reader() -> Read:
    """The daemon's own."""
    reader = frames.Reader(LIMIT_BYTES)

    def read(data: bytes) -> list[bytes | int]:
        found: list[bytes | int] = []
        reader.feed(data)
        while (item := reader.take()) is not None:
            if isinstance(item, frames.Message):
                found.append(item.data)
            elif isinstance(item, frames.Violation):
                found.append(item.closing.code)
        return found

    return read


def own_writer() -> Write:
    """The daemon's own."""
    return lambda payload: frames.frame(frames.TEXT, payload)


def aiohttp_reader() -> Read:
    """aiohttp's, as the daemon used it: bytes, no compression."""
    queue = WebSocketDataQueue(
        BaseProtocol(asyncio.get_running_loop()), 4 * LIMIT_BYTES, loop=asyncio.get_running_loop()
    )
    reader = WebSocketReader(queue, LIMIT_BYTES + 1, False, False)

    def read(data: bytes) -> list[bytes | int]:
        found: list[bytes | int] = []
        reader.feed_data(data)
        while queue._buffer or queue.exception() is not None:
            try:
                message = _done(queue.read())
            except WebSocketError as error:
                return [*found, error.code]
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                found.append(message.data)
        return found

    return read


def aiohttp_writer() -> Write:
    """aiohttp's."""
    transport: Any = Void()
    protocol = BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(transport)
    writer = WebSocketWriter(protocol, transport)
    return lambda payload: _done(writer.send_frame(payload, WSMsgType.TEXT))


def wsproto_reader() -> Read:
    """wsproto's connection. It has no limit, and gives a message in pieces."""
    connection = Connection(ConnectionType.SERVER)
    pieces: list[bytes] = []

    def read(data: bytes) -> list[bytes | int]:
        found: list[bytes | int] = []
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, Message):
                pieces.append(event.data.encode() if isinstance(event.data, str) else event.data)
                if event.message_finished:
                    found.append(b"".join(pieces))
                    pieces.clear()
            elif isinstance(event, CloseConnection) and connection.state.name == "OPEN":
                return [*found, int(event.code)]
        return found

    return read


def wsproto_writer() -> Write:
    """wsproto's connection: text is a str there."""
    connection = Connection(ConnectionType.SERVER)
    return lambda payload: connection.send(Message(data=payload.decode()))


def websockets_reader() -> Read:
    """The protocol of websockets without its I/O. It gives frames, so the caller joins them and checks text."""
    protocol = Sansio(SERVER, state=OPEN, max_size=LIMIT_BYTES)
    pieces: list[bytes] = []
    kinds: list[Opcode] = []

    def read(data: bytes) -> list[bytes | int]:
        found: list[bytes | int] = []
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                pieces.append(bytes(event.data))
                kinds.append(event.opcode)
                if event.fin:
                    whole = b"".join(pieces)
                    if kinds[0] is Opcode.TEXT:
                        try:
                            whole.decode()
                        except UnicodeDecodeError:
                            return [*found, 1007]
                    found.append(whole)
                    pieces.clear()
                    kinds.clear()
        if protocol.parser_exc is not None and protocol.close_sent is not None:
            found.append(int(protocol.close_sent.code))
        protocol.data_to_send()
        return found

    return read


def websockets_writer() -> Write:
    """The same protocol."""
    protocol = Sansio(SERVER, state=OPEN)

    def write(payload: bytes) -> bytes:
        protocol.send_text(payload)
        return b"".join(protocol.data_to_send())

    return write


class _Listener(picows.WSListener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.found: list[bytes | int] = []
        self.pieces: list[bytes] = []

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION):
            if frame.fin and not self.pieces:
                self.found.append(frame.get_payload_as_bytes())
                return
            self.pieces.append(frame.get_payload_as_bytes())
            if frame.fin:
                self.found.append(b"".join(self.pieces))
                self.pieces.clear()


def _picows() -> tuple[Any, _Listener]:
    """Return a connection after its handshake, which picows has to see: it is replayed."""
    listener = _Listener()
    log = logging.getLogger(__name__)
    log.setLevel(logging.CRITICAL + 1)
    protocol = WSProtocol(
        None, None, False, lambda request: listener, log, True, None, False, 20, 20,
        picows.WSAutoPingStrategy.PING_WHEN_IDLE, True, LIMIT_BYTES, None, 16384,
    )  # fmt: skip
    protocol.connection_made(Void())
    _pour(protocol, HEAD)
    return protocol, listener


def picows_reader() -> Read:
    """picows's protocol. It gives frames, and checks neither their order nor text."""
    protocol, listener = _picows()

    def read(data: bytes) -> list[bytes | int]:
        _pour(protocol, data)
        found, listener.found = listener.found, []
        handshake = protocol.transport.close_handshake
        if handshake is not None and handshake.sent is not None:
            found.append(int(handshake.sent.code))
        return found

    return read


def picows_writer() -> Write:
    """The same protocol. Into a socket it writes itself; here it is given one that is busy."""
    protocol, _ = _picows()
    return lambda payload: protocol.transport.send(picows.WSMsgType.TEXT, payload)


def _pour(protocol: Any, data: bytes) -> None:
    left = memoryview(data)
    while left:
        space = protocol.get_buffer(-1)
        size = min(len(space), len(left))
        space[:size] = left[:size]
        protocol.buffer_updated(size)
        left = left[size:]


def _done(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


READERS: Final[dict[str, Callable[[], Read]]] = {
    "interpreterd": own_reader,
    "aiohttp": aiohttp_reader,
    "wsproto": wsproto_reader,
    "websockets": websockets_reader,
    "picows": picows_reader,
}
WRITERS: Final[dict[str, Callable[[], Write]]] = {
    "interpreterd": own_writer,
    "aiohttp": aiohttp_writer,
    "wsproto": wsproto_writer,
    "websockets": websockets_writer,
    "picows": picows_writer,
}
