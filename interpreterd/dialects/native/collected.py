"""All output of an execution, as one JSON answer."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from aiohttp import web

from interpreterd.dialects.native.bodies import exception_body
from interpreterd.http.answers import PIECE_BYTES, sized_response
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome, Output, Stream
from interpreterd.model.output_quota import OutputQuota

OUTPUT_LIMIT_BYTES: Final = 10 << 20  # of both streams together, as UTF-8; JSON may be six times as long


class Collected:
    """The output of an execution, up to a limit and as UTF-8, and its end. It leaves as JSON, piece by piece."""

    def __init__(self) -> None:
        self._quota = OutputQuota(OUTPUT_LIMIT_BYTES)
        self._texts = {stream: bytearray() for stream in Stream}
        self._size_bytes = 0  # as JSON
        self._outcome: Outcome | None = None
        self._error: Failure | None = None

    def add(self, event: Event | Gap) -> None:
        """Keep the part of ``event`` that belongs to the answer, within the limit."""
        match event:
            case Output(stream=stream, text=text):
                self._keep(stream, self._quota.admit(stream, text))
            case Finished(outcome=outcome, error=error):
                self._outcome, self._error = outcome, error
            case _:
                pass

    def answer(self, execution_id: str, context_id: str) -> web.StreamResponse:
        """Return the answer, which owns the collected output; call it once."""
        for marker in self._quota.close():
            self._keep(marker.stream, marker.text)
        head = {"executionId": execution_id, "contextId": context_id, "outcome": self._outcome}
        tail: dict[str, Any] = {
            "results": [],
            "error": None if self._error is None else exception_body(self._error),
            "cutBytes": self._quota.cut_bytes,
        }
        parts = (
            orjson.dumps(head)[:-1] + b',"stdout":"',
            self._texts.pop(Stream.STDOUT),
            b'","stderr":"',
            self._texts.pop(Stream.STDERR),
            b'",' + orjson.dumps(tail)[1:],
        )
        size_bytes = self._size_bytes + sum(len(part) for part in parts if isinstance(part, bytes))
        return sized_response(_pieces(parts), size_bytes)

    def _keep(self, stream: Stream, text: str) -> None:
        self._texts[stream] += text.encode()
        self._size_bytes += len(_escaped(text))


def _pieces(parts: tuple[bytes | bytearray, ...]) -> Iterator[bytes]:
    """Yield ``parts``; a bytearray is text to be escaped, and is emptied meanwhile."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        while part:
            end = min(PIECE_BYTES, len(part))
            while end < len(part) and part[end] & 0xC0 == 0x80:  # within a character: RFC 3629
                end -= 1
            yield _escaped(part[:end].decode())
            del part[:end]


def _escaped(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]
