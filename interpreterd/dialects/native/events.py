"""The events as clients see them: a table of JSON bodies for each version of the API.

A message of version 2 is the body, the ids that the client needs, and the event's number. Version 1 has only bodies,
and of fewer kinds. Clients do not see a kind without a row. Events have the same form on WebSockets, over HTTP and for
followers of a context; ``tests/golden/session.jsonl`` and ``feed.jsonl`` have examples, which PROTOCOL.md shows.
"""

import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import orjson

from interpreterd.dialects.native.bodies import changed_body, exception_body, text_body
from interpreterd.dialects.native.calls import call_body
from interpreterd.dialects.native.errors import closing_after
from interpreterd.dialects.native.state_bodies import restored_event_body
from interpreterd.http.closing import NORMAL, Closing
from interpreterd.model import displays, events, functions
from interpreterd.model.comms import CommMessage
from interpreterd.model.errors import ExecutionInterrupted
from interpreterd.model.events import Event, Finished, Gap, Happened, Outcome
from interpreterd.model.expiry import Expired
from interpreterd.model.restored import Restored

Body = dict[str, Any]
Bodies = dict[type[Any], Callable[[Any], Body | None]]
V1: Final[Bodies] = {}
V2: Final[Bodies] = {}
RESULTS: Final[Bodies] = {}
"""Kinds that clients of version 1 see only if they ask for results."""
_Shown = displays.Result | displays.Display | displays.UpdateDisplay | displays.Evaluated
_K = TypeVar("_K", bound=Event | Gap)


def tell(kind: type[_K], body: Callable[[_K], Body | None], *tables: Bodies) -> None:
    """Add a row for ``kind`` to ``tables``; ``body`` returns None for an event that clients do not see."""
    for table in tables:
        assert kind not in table
        table[kind] = body


def control(text: str, **more: object) -> Body:
    """Return the body of a ``control`` message."""
    return {"type": "control", "text": text, **more}


def as_json(message: Body) -> bytes:
    """Return ``message`` as JSON, in a copy: the bytes that orjson returns take up to sixteen times their length."""
    return bytes(memoryview(orjson.dumps(message)))


def render_v1(event: Event | Gap, *, results: bool = False) -> bytes | None:
    """Return the message of ``event`` in version 1, below 1 MiB; None if clients of that version do not see it.

    With ``results`` the client has asked for results and display data, of which a message may be longer.
    """
    body_of = V1.get(type(event)) or (RESULTS.get(type(event)) if results else None)
    body = None if body_of is None else body_of(event)
    return None if body is None else as_json(body)


def render(number: int, event: Event | Gap, ids: Mapping[str, str | None]) -> bytes | None:
    """Return the message of the event ``number``, with ``ids``; None for a kind that clients do not see."""
    body_of = V2.get(type(event))
    body = None if body_of is None else body_of(event)
    return None if body is None else as_json({**body, **ids, "seq": number})


def render_happened(number: int, happened: Happened | Gap) -> bytes | None:
    """Return the message of an event of a context."""
    if isinstance(happened, Gap):
        return render(number, happened, {"executionId": None})
    return render(number, happened.event, {"executionId": happened.execution_id})


def closing(finished: Finished) -> Closing:
    """Return how a connection for one execution is closed after the last event."""
    return NORMAL if finished.cause is None else closing_after(finished.cause)


def _output(output: events.Output) -> Body:
    if output.replaced:
        return {"type": output.stream.value, "text": output.text, "replaced": output.replaced}
    return {"type": output.stream.value, "text": output.text}


def shown_body(shown: displays.Result | displays.Display) -> Body:
    """Return the body of a result or of display data."""
    return _result(shown) if isinstance(shown, displays.Result) else _display(shown)


def _shown(kind: str, event: _Shown) -> Body:
    """Return the parts that all MIME bundles have: binary data as base64, values of JSON types as themselves."""
    data = {mime: _fragment(value) if isinstance(value, displays.Json) else value for mime, value in event.data.items()}
    return {"type": kind, "data": data, "metadata": {} if event.metadata is None else _fragment(event.metadata)}


def _fragment(value: displays.Json) -> orjson.Fragment:
    return orjson.Fragment(value.text)


def _result(result: displays.Result) -> Body:
    return {**_shown("result", result), "executionCount": result.execution_count}


def _display(display: displays.Display) -> Body:
    body = _shown("display", display) | ({"page": True} if display.page else {})
    return body if display.display_id is None else {**body, "displayId": display.display_id}


def evaluated_body(evaluated: displays.Evaluated) -> Body:
    """Return the body of the value of an expression."""
    if evaluated.error is not None:
        return {"type": "evaluated", "name": evaluated.name, "error": exception_body(evaluated.error)}
    return {**_shown("evaluated", evaluated), "name": evaluated.name}


def _comm(message: CommMessage) -> Body:
    opened = {"target": message.target} if message.action == "open" else {}
    return {
        "type": "comm",
        "action": message.action,
        "commId": message.comm_id,
        **opened,
        "data": _fragment(message.data),
        "metadata": {} if message.metadata is None else _fragment(message.metadata),
        "buffers": [binascii.b2a_base64(buffer, newline=False).decode() for buffer in message.buffers],
    }


def _submitted(submitted: events.Submitted) -> Body:
    marks = {name: True for name, is_so in (("silent", submitted.silent), ("comm", submitted.comm)) if is_so}
    origin = submitted.origin
    return {"type": "submitted", "code": submitted.code, "cutChars": submitted.cut_chars, "origin": origin, **marks}


def _end(finished: Finished) -> Body:
    if finished.outcome is Outcome.INTERRUPTED:
        text = "interrupted"
    else:
        text = "completed" if finished.cause is None else "cancelled"
    count = {} if finished.execution_count is None else {"executionCount": finished.execution_count}
    return control(text, outcome=finished.outcome.value, code=finished.reason, **count, **changed_body(finished.files))


def _end_v1(finished: Finished) -> Body | None:
    """Return None if the reason of the close says how the execution ended."""
    if finished.outcome is Outcome.INTERRUPTED or isinstance(finished.cause, ExecutionInterrupted):
        return control("interrupted")
    return control("completed") if finished.cause is None else None


tell(events.Output, _output, V1, V2)
tell(events.Queued, lambda it: control("queued", ahead=it.ahead), V2)
tell(events.Started, lambda it: control("started", executionCount=it.execution_count, workerCount=it.worker_count), V2)
tell(events.Restarted, lambda it: control("restarted"), V1, V2)
tell(events.InputRequest, lambda it: {"type": "inputRequest", "prompt": it.prompt, "password": it.password}, V2)
tell(events.Raised, lambda it: {"type": "error", **exception_body(it.error)}, V2)
tell(events.Raised, lambda it: {"type": "error", **text_body(it.error)}, V1)
tell(Finished, _end, V2)
tell(Finished, _end_v1, V1)
tell(Gap, lambda it: {"type": "gap", "first": it.first, "last": it.last}, V2)
tell(displays.Result, _result, RESULTS, V2)
tell(displays.Display, _display, RESULTS, V2)
tell(displays.UpdateDisplay, lambda it: {**_shown("updateDisplay", it), "displayId": it.display_id}, RESULTS, V2)
tell(displays.ClearOutput, lambda it: {"type": "clearOutput", "wait": it.wait}, RESULTS, V2)
tell(displays.Evaluated, evaluated_body, V2)
tell(displays.NextInput, lambda it: {"type": "nextInput", "text": it.text, "replace": it.replace}, V2)
tell(CommMessage, _comm, V2)
tell(events.Submitted, _submitted, V2)
tell(functions.FunctionCall, lambda it: {"type": "functionCall", **call_body(it)}, V2)
tell(functions.FunctionEnd, lambda it: {"type": "functionEnd", "callId": it.call_id, "outcome": it.outcome.value}, V2)
tell(events.WorkerEnded, lambda it: {"type": "workerEnded", "how": it.how}, V2)
tell(Restored, restored_event_body, V2)
tell(Expired, lambda it: {"type": "expired", "why": it.why}, V2)
