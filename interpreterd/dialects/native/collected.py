"""All output of an execution, as one JSON answer."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from aiohttp import web

from interpreterd.contexts.executions import Execution
from interpreterd.http.answers import PIECE_BYTES, sized_response
from interpreterd.model.events import Output, Stream
from interpreterd.model.output_quota import OutputQuota

OUTPUT_LIMIT_BYTES: Final = 10 << 20  # of both streams together, as UTF-8; JSON may be six times as long


class Collected:
    """Output up to a limit, kept as UTF-8: it becomes JSON, and leaves, piece by piece."""

    def __init__(self) -> None:
        self._quota = OutputQuota(OUTPUT_LIMIT_BYTES)
        self._texts = {stream: bytearray() for stream in Stream}
        self._size_bytes = 0  # as JSON

    def add(self, output: Output) -> None:
        """Keep ``output``, or the part that fits the limit."""
        self._keep(output.stream, self._quota.admit(output.stream, output.text))

    def answer(self, execution: Execution) -> web.StreamResponse:
        """Return the answer, which owns the collected output; call it once."""
        for marker in self._quota.close():
            self._keep(marker.stream, marker.text)
        error = execution.error
        head = {"executionId": execution.id, "contextId": execution.context_id, "outcome": execution.state}
        tail: dict[str, Any] = {
            "results": [],
            "error": None if error is None else error.to_json(),
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
