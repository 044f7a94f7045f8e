"""What a client is sent while it is away."""

from typing import Any

import orjson
import pytest

from interpreterd.dialects.jupyter import line as module
from interpreterd.dialects.jupyter.line import Line
from interpreterd.dialects.jupyter.messages import Author, Outgoing, published
from interpreterd.dialects.jupyter.wire import JsonWire
from interpreterd.http.websocket.frames import BINARY, TEXT


class Socket:
    """Takes what is sent; may be gone."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, list[bytes]]] = []
        self.gone = False

    async def send(self, *payloads: bytes, opcode: int) -> None:
        if self.gone:
            raise ConnectionResetError
        self.sent.append((opcode, list(payloads)))


def opened() -> tuple[Line, Any]:
    """Return a line, and the socket on which it is open."""
    line, socket = Line(Author()), Socket()
    opening: Any = socket
    line.open(opening, JsonWire())
    return line, socket


def output(text: str) -> Outgoing:
    """Return a message."""
    return published("stream", {"text": text}, b"{}")


def texts(socket: Socket) -> list[str]:
    """Return the texts of all sent messages."""
    return [orjson.loads(it)["content"]["text"] for _, payloads in socket.sent for it in payloads]


async def test_messages_of_one_kind_are_one_write() -> None:
    line, socket = opened()
    binary = Outgoing("iopub", "comm_msg", b"{}", b"{}", buffers=(b"x",))
    await line.send([output("a"), output("b"), binary, output("c")])
    assert [(opcode, len(payloads)) for opcode, payloads in socket.sent] == [(TEXT, 2), (BINARY, 1), (TEXT, 1)]


async def test_what_comes_while_nobody_is_there_is_sent_later() -> None:
    line = Line(Author())
    await line.tell(output("a"))
    assert not line.is_open
    with pytest.raises(ConnectionError):
        await line.send([output("x")])
    socket = Socket()
    opening: Any = socket
    line.open(opening, JsonWire())
    await line.send_kept()
    await line.send_kept()
    assert texts(socket) == ["a"]
    line.close()
    assert not line.is_open


async def test_of_too_much_the_oldest_is_dropped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_LIMIT_BYTES", 3 * output("a").size_bytes)
    line = Line(Author())
    for text in "abcde":
        await line.tell(output(text))
    socket = Socket()
    opening: Any = socket
    line.open(opening, JsonWire())
    await line.send_kept()
    first, *rest = texts(socket)
    assert (first.startswith("[interpreterd: 2 answers"), rest) == (True, ["c", "d", "e"])


async def test_what_a_client_misses_that_goes_meanwhile_is_kept() -> None:
    line, socket = opened()
    socket.gone = True
    await line.tell(output("a"))
    with pytest.raises(ConnectionError):
        await line.send_kept()
    socket.gone = False
    await line.send_kept()
    assert texts(socket) == ["a"]
