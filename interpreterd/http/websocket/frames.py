"""The frames of RFC 6455, without I/O: a client's bytes become messages, up to the one violation that ends everything.

The rules are those for a server without extensions: section 5 (framing), 7.4 (close codes) and 8.1 (UTF-8). A client is
hostile until proven otherwise: besides the size of a message, the number of its frames is limited.
"""

import codecs
from typing import Final

from aiohttp._websocket.helpers import websocket_mask  # in C: as one large number each it takes 2 to 30 times as long
from attrs import field, frozen

from interpreterd.http.closing import INVALID_TEXT, MESSAGE_TOO_BIG, PROTOCOL_ERROR, Closing, close_reason
from interpreterd.model.errors import BodyTooLarge

FRAMES_LIMIT: Final = 1 << 16  # of one message: 4 MiB in frames of 64 bytes
FRAMES_AT_ONCE: Final = 64  # some 0.1 ms
CONTINUATION, TEXT, BINARY = 0, 1, 2  # the opcodes of section 5.2
CLOSE, PING, PONG = 8, 9, 10
_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_CONTROL_LIMIT_BYTES: Final = 125  # longer ones have their length in the next two bytes, or in the next eight
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_Utf8 = codecs.getincrementaldecoder("utf-8")
# Section 7.4.1, and www.iana.org/assignments/websocket; the second range is for libraries and applications: 7.4.2.
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


@frozen
class Message:
    """A whole message; ``data`` is UTF-8 if ``is_text``."""

    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")
    is_text: bool = True


@frozen
class Ping:
    """The client asks for a pong with the same ``data``."""

    data: bytes


@frozen
class Pong:
    """The answer to a ping, or a sign of life."""

    data: bytes


@frozen
class CloseFrame:
    """The client ends the connection. ``code`` is None if it gives none."""

    code: int | None = None
    reason: str = ""


@frozen
class Violation:
    """The client has broken a rule or a limit, and is to be told so by ``closing``."""

    closing: Closing


@frozen
class Part:
    """Frames that did not end a message: others may have their turn before the next item is taken."""


Item = Message | Ping | Pong | CloseFrame | Part | Violation


class _Broken(Exception):
    def __init__(self, reason: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.code = code


class Reader:
    """Takes a client's bytes apart, in pieces of any size. Nothing comes after a ``CloseFrame`` or a ``Violation``."""

    def __init__(self, limit_bytes: int) -> None:
        """Refuse messages beyond ``limit_bytes``."""
        self._limit_bytes = limit_bytes
        self._data = b""  # from `_at` on not yet taken apart
        self._at = 0
        self._over = False
        # The latest frame:
        self._opcode = CONTINUATION
        self._is_last = True  # of its message
        self._mask = b""  # for its next byte and the three after that
        self._missing = -1  # how many bytes of its payload have not been taken; if negative, it has ended
        # The message that has begun, if `_frames` is not 0:
        self._frames = 0
        self._is_text = False
        self._payload = bytearray()
        self._utf8 = _Utf8()

    @property
    def kept_bytes(self) -> int:
        """The memory of what was fed and is not yet part of an item."""
        return len(self._data) - self._at + len(self._payload)

    @property
    def waits(self) -> bool:
        """Whether something has begun whose end was not fed, provided that ``take`` has just returned None."""
        return self._frames > 0 or self._missing >= 0 or self._at < len(self._data)

    def feed(self, data: bytes) -> None:
        """Add bytes, of any number."""
        if not self._over:
            self._data = self._data[self._at :] + data if self._at < len(self._data) else data
            self._at = 0

    def take(self) -> Item | None:
        """Return the next item, or None if its end was not fed."""
        item = None
        left = FRAMES_AT_ONCE
        try:
            while item is None and (self._missing >= 0 or self._take_head()):
                item = self._take_payload()
                if self._missing >= 0:  # its end was not fed
                    break
                left -= 1
                if item is None and not left:
                    item = Part()
        except _Broken as broken:
            item = Violation(Closing(broken.code, close_reason(str(broken))))
        if isinstance(item, CloseFrame | Violation):
            self.end()
        return item

    def end(self) -> None:
        """Take nothing more, and drop everything."""
        self._over = True
        self._data = b""
        self._at = 0
        self._missing = -1
        self._frames = 0
        self._payload = bytearray()

    def _take_head(self) -> bool:
        """Begin the next frame, if its head is there."""
        data, at = self._data, self._at
        if len(data) < at + 2:
            return False
        first, second = data[at], data[at + 1]
        opcode = self._check(first, second)
        size = second & _LENGTH
        at += 2
        if size > _CONTROL_LIMIT_BYTES:
            length = data[at : at + (2 if size == _TWO_BYTES else 8)]
            at += 2 if size == _TWO_BYTES else 8
            if len(data) < at:
                return False
            size = self._size(length)
        if len(data) < at + 4:
            return False
        if opcode < CLOSE:
            self._begin(opcode, size)
        self._opcode = opcode
        self._is_last = first >= _FIN
        self._mask = data[at : at + 4]
        self._missing = size
        self._at = at + 4
        return True

    def _check(self, first: int, second: int) -> int:
        """Return the opcode of a frame that begins with these bytes."""
        opcode = first & _OPCODE
        if first & _RESERVED:
            raise _Broken("a reserved bit is set, but no extension was agreed on")
        if not second & _MASKED:
            raise _Broken("a client must mask its frames")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise _Broken(f"the opcode {opcode} is reserved")
            if first < _FIN:
                raise _Broken("a control frame must not be fragmented")
            if second & _LENGTH > _CONTROL_LIMIT_BYTES:
                raise _Broken(f"a control frame must have at most {_CONTROL_LIMIT_BYTES} bytes")
        elif opcode == CONTINUATION:
            if not self._frames:
                raise _Broken("there is no message to continue")
        elif opcode > BINARY:
            raise _Broken(f"the opcode {opcode} is reserved")
        elif self._frames:
            raise _Broken("the message before it has not ended")
        return opcode

    @staticmethod
    def _size(length: bytes) -> int:
        size = int.from_bytes(length, "big")
        if size <= (_CONTROL_LIMIT_BYTES if len(length) == 2 else 0xFFFF):
            raise _Broken("the length of a frame must have as few bytes as possible")
        if size >= 1 << 63:
            raise _Broken("the length of a frame must be below 2 to the power of 63")
        return size

    def _begin(self, opcode: int, size: int) -> None:
        """Begin or continue a message with a frame of ``size`` bytes."""
        if len(self._payload) + size > self._limit_bytes:
            raise _Broken(str(BodyTooLarge(self._limit_bytes)), MESSAGE_TOO_BIG)
        if self._frames >= FRAMES_LIMIT:
            raise _Broken(f"a message must have at most {FRAMES_LIMIT} frames", MESSAGE_TOO_BIG)
        if opcode != CONTINUATION:
            self._is_text = opcode == TEXT
        self._frames += 1

    def _take_payload(self) -> Item | None:
        """Take what is there of the frame that has begun; return what it completes."""
        there = len(self._data) - self._at
        size = self._missing
        if size > there:
            if self._opcode >= CLOSE:  # they are short
                return None
            size = there
        payload = bytearray(memoryview(self._data)[self._at : self._at + size])
        websocket_mask(self._mask, payload)
        self._at += size
        self._missing -= size
        if self._missing:
            self._mask = self._mask[size % 4 :] + self._mask[: size % 4]
        else:
            self._missing = -1
            if self._opcode >= CLOSE:
                return _control(self._opcode, bytes(payload))
        return self._add(payload, ends=self._is_last and self._missing < 0)

    def _add(self, payload: bytearray, *, ends: bool) -> Message | None:
        """Add to the message that has begun; return it if it ``ends``."""
        if self._is_text:
            self._check_text(payload, ends=ends)
        if self._payload or not ends:
            self._payload += payload
        if not ends:
            return None
        message = Message(bytes(self._payload or payload), self._is_text)
        self._frames = 0
        self._payload = bytearray()
        return message

    def _check_text(self, payload: bytearray, *, ends: bool) -> None:
        if payload.isascii() and not self._utf8.getstate()[0]:
            return
        try:
            self._utf8.decode(payload, final=ends)
        except UnicodeDecodeError:
            raise _Broken("a text must be UTF-8", INVALID_TEXT) from None


def _control(opcode: int, data: bytes) -> Item:
    if opcode == PING:
        return Ping(data)
    if opcode == PONG:
        return Pong(data)
    if not data:
        return CloseFrame()
    code = int.from_bytes(data[:2], "big")
    if len(data) < 2 or code not in _CLOSE_CODES:
        raise _Broken("a close frame must begin with a close code that may be sent")
    try:
        return CloseFrame(code, data[2:].decode())
    except UnicodeDecodeError:
        raise _Broken("the reason of a close must be UTF-8", INVALID_TEXT) from None


def head(opcode: int, size: int) -> bytes:
    """Return the head of a server's frame that is a whole message, or a control frame, of ``size`` bytes."""
    if size <= _CONTROL_LIMIT_BYTES:
        return bytes((_FIN | opcode, size))
    if size < 1 << 16:
        return bytes((_FIN | opcode, _TWO_BYTES)) + size.to_bytes(2, "big")
    return bytes((_FIN | opcode, _EIGHT_BYTES)) + size.to_bytes(8, "big")


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a server's frame with ``payload``."""
    return head(opcode, len(payload)) + payload


def close_frame(closing: Closing) -> bytes:
    """Return a server's close."""
    return frame(CLOSE, closing.code.to_bytes(2, "big") + closing.reason)
