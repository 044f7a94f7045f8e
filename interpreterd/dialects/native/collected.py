"""All output of an execution, as one JSON answer."""

from collections.abc import Iterator
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from interpreterd.dialects.native.bodies import changed_body, exception_body
from interpreterd.dialects.native.events import as_json, evaluated_body, shown_body
from interpreterd.http.answers import PIECE_BYTES, sized_response
from interpreterd.model import displays
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome, Output, Stream
from interpreterd.model.files import ChangedFiles
from interpreterd.model.output_quota import OutputQuota
from interpreterd.model.requests import EXPRESSIONS_LIMIT

OUTPUT_LIMIT_BYTES: Final = 10 << 20  # of both streams together, as UTF-8; JSON may be six times as long
RESULTS_LIMIT_BYTES: Final = 32 << 20  # of all results together; one alone may be 22 MiB as base64
RESULTS_LIMIT: Final = 1000


class Collected:
    """The output of an execution, up to a limit and as UTF-8, and its end. It leaves as JSON, piece by piece.

    Of results and display data it has what a notebook shows in the end: updated display data is in its latest form, and
    what ``clear_output`` has removed is not there. Printed text is complete.
    """

    def __init__(self) -> None:
        self._quota = OutputQuota(OUTPUT_LIMIT_BYTES)
        self._texts = {stream: bytearray() for stream in Stream}
        self._size_bytes = 0  # as JSON
        self._outcome: Outcome | None = None
        self._error: Failure | None = None
        self._results: list[displays.Result | displays.Display] = []
        self._results_bytes = 0
        self._cut_bytes = 0  # of results
        self._expressions: dict[str, displays.Evaluated] = {}
        self._expressions_bytes = 0
        self._clears = False
        self._changed: ChangedFiles | None = None

    def add(self, event: Event | Gap) -> None:
        """Keep the part of ``event`` that belongs to the answer, within the limit."""
        match event:
            case Output(stream=stream, text=text):
                self._clear()
                self._keep(stream, self._quota.admit(stream, text))
            case displays.Result() | displays.Display():
                self._show(event)
            case displays.Evaluated():
                self._evaluate(event)
            case displays.UpdateDisplay():
                self._update(event)
            case displays.ClearOutput(wait=wait):
                self._clears = True
                if not wait:
                    self._clear()
            case Finished(outcome=outcome, error=error, files=files):
                self._outcome, self._error, self._changed = outcome, error, files
            case _:
                pass

    def _show(self, shown: displays.Result | displays.Display) -> None:
        self._clear()
        size_bytes = displays.size_bytes(shown.data)
        if self._results_bytes + size_bytes > RESULTS_LIMIT_BYTES or len(self._results) >= RESULTS_LIMIT:
            self._cut_bytes += size_bytes
        else:
            self._results_bytes += size_bytes
            self._results.append(shown)

    def _evaluate(self, evaluated: displays.Evaluated) -> None:
        size_bytes = displays.size_bytes(evaluated.data)
        if self._expressions_bytes + size_bytes > RESULTS_LIMIT_BYTES or len(self._expressions) >= EXPRESSIONS_LIMIT:
            self._cut_bytes += size_bytes
        else:
            self._expressions_bytes += size_bytes
            self._expressions[evaluated.name] = evaluated

    def _update(self, update: displays.UpdateDisplay) -> None:
        for place, shown in enumerate(self._results):
            if isinstance(shown, displays.Display) and shown.display_id == update.display_id:
                change_bytes = displays.size_bytes(update.data) - displays.size_bytes(shown.data)
                if self._results_bytes + change_bytes > RESULTS_LIMIT_BYTES:
                    self._cut_bytes += displays.size_bytes(update.data)
                    continue
                self._results_bytes += change_bytes
                self._results[place] = attrs.evolve(shown, data=update.data, metadata=update.metadata)

    def _clear(self) -> None:
        """Remove what ``clear_output`` was called for, if it was."""
        if self._clears:
            self._clears = False
            self._results.clear()
            self._results_bytes = 0

    def answer(self, execution_id: str, context_id: str) -> web.StreamResponse:
        """Return the answer, which owns the collected output; call it once."""
        for marker in self._quota.close():
            self._keep(marker.stream, marker.text)
        head = {"executionId": execution_id, "contextId": context_id, "outcome": self._outcome}
        tail: dict[str, Any] = {
            "error": None if self._error is None else exception_body(self._error),
            "cutBytes": self._quota.cut_bytes + self._cut_bytes,
            **changed_body(self._changed),
        }
        results, self._results = self._results, []
        parts = (
            orjson.dumps(head)[:-1] + b',"stdout":"',
            self._texts.pop(Stream.STDOUT),
            b'","stderr":"',
            self._texts.pop(Stream.STDERR),
            b'","results":[',
            b",".join(as_json(shown_body(shown)) for shown in results),
            b"]," + self._evaluated() + orjson.dumps(tail)[1:],
        )
        size_bytes = self._size_bytes + sum(len(part) for part in parts if isinstance(part, bytes))
        return sized_response(_pieces(parts), size_bytes)

    def _evaluated(self) -> bytes:
        """Return the key ``expressions`` of the answer, if there were some."""
        if not self._expressions:
            return b""
        bodies = {name: evaluated_body(it) for name, it in self._expressions.items()}
        return b'"expressions":' + as_json(bodies) + b","

    def _keep(self, stream: Stream, text: str) -> None:
        self._texts[stream] += text.encode()
        self._size_bytes += len(_escaped(text))


def _pieces(parts: tuple[bytes | bytearray, ...]) -> Iterator[bytes]:
    """Yield ``parts``; a bytearray is text to be escaped, and is emptied meanwhile."""
    for part in parts:
        if isinstance(part, bytes):
            for start in range(0, len(part), PIECE_BYTES):
                yield part[start : start + PIECE_BYTES]
            continue
        while part:
            end = min(PIECE_BYTES, len(part))
            while end < len(part) and part[end] & 0xC0 == 0x80:  # within a character: RFC 3629
                end -= 1
            yield _escaped(part[:end].decode())
            del part[:end]


def _escaped(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]
