"""The events of an execution as lines of JSON, in E2B's form. Kinds that E2B does not have are not told.

Keys that have no value are left out.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from interpreterd.http.timestamp import uncached_timestamp
from interpreterd.model import displays, events
from interpreterd.model.errors import ContextRestarted, ExecutionInterrupted, LimitExceeded
from interpreterd.model.events import Event, Finished, Gap, Outcome
from interpreterd.model.names import JSON
from interpreterd.model.requests import COLUMNS, E2B_CHART

Body = dict[str, Any]
KEYS: Final = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/pdf": "pdf",
    "text/latex": "latex",
    JSON: "json",
    "application/javascript": "javascript",
    COLUMNS: "data",
    E2B_CHART: "chart",
}
"""The key of each MIME type; others are in ``extra``."""
_ENDED: Final = (Outcome.LOST, Outcome.CANCELLED)


def render(number: int, event: Event | Gap) -> bytes | None:
    """Return the line, or lines, of ``event``, without the last newline; None if clients do not see it."""
    lines = _LINES.get(type(event))
    told = [] if lines is None else lines(event)
    return b"\n".join(map(orjson.dumps, told)) if told else None


def _output(output: events.Output) -> list[Body]:
    return [{"type": output.stream.value, "text": output.text, "timestamp": uncached_timestamp(time.time())}]


def _started(started: events.Started) -> list[Body]:
    return [{"type": "number_of_executions", "execution_count": started.worker_count}]


def _finished(finished: Finished) -> list[Body]:
    end = {"type": "end_of_execution"}
    error = finished.error
    if finished.outcome not in _ENDED or isinstance(finished.cause, ExecutionInterrupted):
        return [end] if error is None else [_error(error.name, error.value, error.traceback), end]
    if finished.cause is None or isinstance(finished.cause, ContextRestarted | LimitExceeded):
        why = str(finished.cause) if error is None else f"{error.name}: {error.value}"
        return [_error("ContextRestarting", "Context was restarted", why), end]
    value = "Connection to the execution was closed before the execution was finished"
    return [_error("UnexpectedEndOfExecution", value, str(finished.cause)), {"type": "unexpected_end_of_execution"}]


def _error(name: str, value: str, traceback: str) -> Body:
    return {"type": "error", "name": name, "value": value, "traceback": traceback}


def _shown(shown: displays.Result | displays.Display, *, is_main_result: bool) -> list[Body]:
    body: Body = {"type": "result"}
    extra = {}
    for mime, value in shown.data.items():
        told = orjson.Fragment(value.text) if isinstance(value, displays.Json) else value
        if mime in KEYS:
            body[KEYS[mime]] = told
        else:
            extra[mime] = told
    text = body.get("text", "")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        body["text"] = text[1:-1]  # of a str
    return [{**body, "extra": extra, "is_main_result": is_main_result}]


_LINES: Final[dict[type[Any], Callable[[Any], list[Body]]]] = {
    events.Output: _output,
    events.Started: _started,
    Finished: _finished,
    displays.Result: lambda it: _shown(it, is_main_result=True),
    displays.Display: lambda it: _shown(it, is_main_result=False),
}
