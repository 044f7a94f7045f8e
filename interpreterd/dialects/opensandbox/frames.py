"""The events of an execution as OpenSandbox's frames: JSON, then an empty line, without ``data:``.

The first is ``init``, with the execution's id, and the last one ``error`` or ``execution_complete``. Each has the time
in milliseconds.
"""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import orjson

from interpreterd.model import displays, events
from interpreterd.model.events import Event, Finished, Gap

BULK_CHARS: Final = 4096
"""A piece of output of this size has more after it: its last line waits for its end."""
SEPARATOR: Final = b"\n\n"
_PLAIN: Final = "text/plain"
_Body = dict[str, Any]


class End(Protocol):
    """Returns the last frame, after the milliseconds that the execution took."""

    def __call__(self, finished: Finished, ms: int) -> _Body: ...


class Frames:
    """The frames of one execution.

    OpenSandbox's SDK begins a new line between two pieces of output, unless the first one ends with a line's end. So
    the end of a large piece waits for the rest of its line, until anything else is told.
    """

    def __init__(self, init_id: str, end: "End | None" = None, shows_results: bool = True) -> None:
        """Begin with ``init_id``. ``end`` is ``ended`` by default."""
        self._init_id = init_id
        self._end = ended if end is None else end
        self._shows_results = shows_results
        self._begun = False
        self._started = time.monotonic()
        self._stream = events.Stream.STDOUT
        self._kept = ""
        self._kinds: dict[type[Any], Callable[[Any], list[_Body]]] = {
            events.Started: self._start,
            displays.Result: self._result,
            displays.Display: self._result,
            Finished: self._finish,
        }

    def render(self, number: int, event: Event | Gap) -> bytes | None:
        """Return the frames of ``event``, without the last separator; None if clients do not see it."""
        frames = [] if self._begun else [_frame("init", text=self._init_id), _frame("ping", text="pong")]
        self._begun = True
        if isinstance(event, events.Output):
            frames += self._output(event)
        elif type(event) in self._kinds:
            frames += self._rest() + self._kinds[type(event)](event)
        return SEPARATOR.join(map(orjson.dumps, frames)) if frames else None

    def beat(self) -> bytes:
        """Return what a client gets that has got nothing for a while."""
        return b"".join(orjson.dumps(it) + SEPARATOR for it in [*self._rest(), _frame("ping", text="pong")])

    def _output(self, output: events.Output) -> list[_Body]:
        frames = self._rest() if output.stream is not self._stream else []
        self._stream = output.stream
        text = self._kept + output.text
        self._kept = ""
        if len(text) >= BULK_CHARS:
            whole, newline, rest = text.rpartition("\n")
            if newline:
                text, self._kept = whole + newline, rest
        return [*frames, _frame(self._stream.value, text=text)]

    def _rest(self) -> list[_Body]:
        kept, self._kept = self._kept, ""
        return [_frame(self._stream.value, text=kept)] if kept else []

    def _start(self, started: events.Started) -> list[_Body]:
        self._started = time.monotonic()
        frames = [_frame("status", text="busy")]
        if self._shows_results:
            frames.append(_frame("execution_count", execution_count=started.worker_count))
        return frames

    def _result(self, shown: displays.Result | displays.Display) -> list[_Body]:
        if not self._shows_results:
            return []
        results = {"text" if mime == _PLAIN else mime: _told(value) for mime, value in shown.data.items()}
        return [_frame("result", results=results)]

    def _finish(self, finished: Finished) -> list[_Body]:
        ms = max(1, round((time.monotonic() - self._started) * 1000))  # 0 would count as absent
        return [_frame("status", text="idle"), self._end(finished, ms)]


def _told(value: str | displays.Json) -> Any:
    return orjson.Fragment(value.text) if isinstance(value, displays.Json) else value


def ended(finished: Finished, ms: int) -> _Body:
    """Return the last frame of an execution of code."""
    if (error := finished.error) is not None:
        return error_frame(error.name, error.value, error.traceback)
    if finished.cause is not None:
        return error_frame("ContextError", str(finished.cause))
    return complete_frame(ms)


def complete_frame(ms: int) -> _Body:
    """Return the last frame of what has ended well after ``ms`` milliseconds."""
    return _frame("execution_complete", execution_time=ms)


def error_frame(name: str, value: str, traceback: str = "") -> _Body:
    """Return the last frame of what has failed."""
    return _frame("error", error={"ename": name, "evalue": value, "traceback": traceback.splitlines()})


def separated(number: int, frames: bytes) -> bytes:
    """Return ``frames`` with their last separator."""
    return frames + SEPARATOR


def _frame(kind: str, **keys: Any) -> _Body:
    return {"type": kind, "timestamp": int(time.time() * 1000), **keys}
