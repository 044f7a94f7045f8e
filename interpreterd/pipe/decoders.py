"""The decoders, without I/O: bytes of the channel to messages, bytes of an output pipe to text."""

import codecs

from interpreterd.model.errors import ProtocolError
from interpreterd.model.events import EVENT_LIMIT_CHARS
from interpreterd.pipe.messages import FromWorker, decode_line

MESSAGE_LIMIT_BYTES = (1 << 20) - 4096  # what a client gets of it stays below 1 MiB
_PIECE_BYTES = EVENT_LIMIT_CHARS - 3  # leaves room for the rest of a character; a byte is at most one character
_REPLACEMENT = "\ufffd"
_REPLACEMENT_BYTES = _REPLACEMENT.encode()


class Decoder:
    """Cuts the channel's bytes into messages.

    After a ``ProtocolError`` it is unusable: replace the worker.
    """

    def __init__(self, line_limit_bytes: int = MESSAGE_LIMIT_BYTES) -> None:
        self._line_limit_bytes = line_limit_bytes
        self._unread = bytearray()
        self._failure: ProtocolError | None = None

    def feed(self, data: bytes) -> list[FromWorker]:
        """Return the messages that ``data`` completes; keep the rest for the next call.

        Raises:
            ProtocolError: A line is longer than the limit, or is not a message. If messages come before it, they are
                returned, and the next call raises.
        """
        if self._failure is not None:
            raise self._failure
        searched = len(self._unread)
        messages: list[FromWorker] = []
        start = 0
        try:
            if not searched and data.find(b"\n") == len(data) - 1 >= 0:  # mostly it is just one message
                self._check(len(data) - 1)
                return [decode_line(data[:-1])]
            self._unread += data
            while (end := self._unread.find(b"\n", max(start, searched))) >= 0:
                self._check(end - start)
                messages.append(decode_line(bytes(self._unread[start:end])))
                start = end + 1
            self._check(len(self._unread) - start)
        except ProtocolError as error:
            self._failure = error
            self._unread.clear()
            if not messages:
                raise
            return messages
        del self._unread[:start]
        return messages

    def _check(self, length: int) -> None:
        if length > self._line_limit_bytes:
            raise ProtocolError(f"a line is longer than {self._line_limit_bytes} bytes")


class TextDecoder:
    """Turns an output pipe's bytes into text: UTF-8, whose characters may be split over reads.

    Bytes that are not UTF-8 become U+FFFD, as Unicode recommends (chapter 3.9, substitution of maximal subparts). A
    piece of text comes with the number of these substitutions, because a program may write U+FFFD itself.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[str, int]]:
        """Return the characters that ``data`` completes, in pieces of at most ``EVENT_LIMIT_CHARS``, none empty."""
        starts = range(0, len(data), _PIECE_BYTES)
        return [piece for start in starts for piece in self._decode(data[start : start + _PIECE_BYTES], False)]

    def end(self) -> list[tuple[str, int]]:
        """Return the rest of an incomplete character, and start again."""
        return self._decode(b"", True) if self._rest else []

    def _decode(self, data: bytes, final: bool) -> list[tuple[str, int]]:
        data = self._rest + data
        text, used = codecs.utf_8_decode(data, "replace", final)
        self._rest = data[used:]
        if not text:
            return []
        if _REPLACEMENT not in text:  # quick if every character is narrower
            return [(text, 0)]
        # A U+FFFD in the data itself is not counted: its first byte begins a character, whatever came before.
        return [(text, text.count(_REPLACEMENT) - data.count(_REPLACEMENT_BYTES))]
