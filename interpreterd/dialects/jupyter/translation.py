"""Events of an execution as messages on ``iopub``, and its end as a reply. A message for a comm is an execution, too.

A kind without a row is not told. Each ``Telling`` is one execution as one client sees it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from interpreterd.dialects.jupyter.messages import IOPUB, SHELL, STDIN, Outgoing, iso, published, reply, status
from interpreterd.dialects.jupyter.tracebacks import traceback_lines
from interpreterd.model import displays, events
from interpreterd.model.comms import CommMessage
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome
from interpreterd.model.restored import Restored

EVALUATED_LIMIT_BYTES: Final = displays.BUNDLE_LIMIT_BYTES
"""Of all values of one request's expressions, and of a payload."""
_ENGINE: Final = "interpreterd"
_Shown = displays.Result | displays.Display | displays.UpdateDisplay | displays.Evaluated


class Telling:
    """One execution, as it is told to one client.

    Attributes:
        parent: The header of its request, as JSON.
        code: To be told when it begins; its owner drops it once it has been sent.
        count: Its number since the kernel's Python began; 0 before it has begun.
        silent: Whether its request asked for no ``execute_input``.
        own: Whether this client has asked for it.
        replied: Whether that client gets a reply at its end.
        expressions: The values of the request's ``user_expressions``.
        payload: What a front end is to do besides, by kind.
    """

    __slots__ = (
        "begun",
        "code",
        "count",
        "expressions",
        "own",
        "parent",
        "payload",
        "replied",
        "room_bytes",
        "silent",
        "started_at",
    )

    def __init__(
        self, parent: bytes, code: str, *, silent: bool = False, own: bool = False, replied: bool = True
    ) -> None:
        self.parent = parent
        self.code = code
        self.silent = silent
        self.own = own
        self.replied = own and replied
        self.count = 0
        self.begun = False
        self.started_at = 0.0
        self.expressions: dict[str, dict[str, Any]] = {}
        self.payload: dict[str, dict[str, Any]] = {}
        self.room_bytes = EVALUATED_LIMIT_BYTES

    def tell(self, event: Event | Gap) -> list[Outgoing]:
        """Return the messages of ``event``."""
        row = _ROWS.get(type(event))
        return [] if row is None else row(self, event)

    def error(self, failure: Failure) -> dict[str, Any]:
        """Return what ``error`` and the reply say."""
        return {"ename": failure.name, "evalue": failure.value, "traceback": traceback_lines(failure)}


def stream(name: str, text: str, parent: bytes) -> Outgoing:
    """Return output."""
    return published("stream", {"name": name, "text": text}, parent)


def _started(telling: Telling, event: events.Started) -> list[Outgoing]:
    telling.begun = True
    telling.count = event.worker_count
    telling.started_at = time.time()
    told = [status("busy", telling.parent)]
    if not telling.silent:
        content = {"code": telling.code, "execution_count": telling.count}
        told.append(published("execute_input", content, telling.parent))
    return told


def _output(telling: Telling, event: events.Output) -> list[Outgoing]:
    return [stream(event.stream.value, event.text, telling.parent)]


def _bundle(event: _Shown) -> dict[str, Any]:
    data = {
        mime: orjson.Fragment(value.text) if isinstance(value, displays.Json) else value
        for mime, value in event.data.items()
    }
    return {"data": data, "metadata": {} if event.metadata is None else orjson.Fragment(event.metadata.text)}


def _result(telling: Telling, event: displays.Result) -> list[Outgoing]:
    content = {**_bundle(event), "execution_count": telling.count}
    return [published("execute_result", content, telling.parent)]


def _display(telling: Telling, event: displays.Display) -> list[Outgoing]:
    if event.page:
        return _proposed(telling, "page", _fits(telling, event.data), {"data": _bundle(event)["data"], "start": 0})
    transient = {} if event.display_id is None else {"display_id": event.display_id}
    return [published("display_data", {**_bundle(event), "transient": transient}, telling.parent)]


def _update(telling: Telling, event: displays.UpdateDisplay) -> list[Outgoing]:
    content = {**_bundle(event), "transient": {"display_id": event.display_id}}
    return [published("update_display_data", content, telling.parent)]


def _clear(telling: Telling, event: displays.ClearOutput) -> list[Outgoing]:
    return [published("clear_output", {"wait": event.wait}, telling.parent)]


def _next_input(telling: Telling, event: displays.NextInput) -> list[Outgoing]:
    content = {"text": event.text, "replace": event.replace}
    return _proposed(telling, "set_next_input", _fits(telling, {"": event.text}), content)


def _proposed(telling: Telling, source: str, fits: bool, content: dict[str, Any]) -> list[Outgoing]:
    """Keep a proposal for the reply; of each kind the latest."""
    if telling.replied and fits:
        telling.payload[source] = {"source": source, **content}
    return []


def _evaluated(telling: Telling, event: displays.Evaluated) -> list[Outgoing]:
    """Keep the value of an expression for the reply."""
    if event.error is not None:
        value = {"status": "error", **telling.error(event.error)}
    elif _fits(telling, event.data):
        value = {"status": "ok", **_bundle(event)}
    else:
        value = {"status": "error", "ename": "ValueError", "evalue": "the values are too large", "traceback": []}
    if telling.replied:
        telling.expressions[event.name] = value
    return []


def _fits(telling: Telling, data: displays.Data) -> bool:
    """Whether there is room to keep ``data``, up to the reply; takes that room."""
    size = displays.size_bytes(data)
    if size > telling.room_bytes:
        return False
    telling.room_bytes -= size
    return True


def _comm(telling: Telling, event: CommMessage) -> list[Outgoing]:
    content: dict[str, Any] = {"comm_id": event.comm_id, "data": orjson.Fragment(event.data.text)}
    if event.action == "open":
        content |= {"target_name": event.target, "target_module": None}
    kind = {"open": "comm_open", "message": "comm_msg", "close": "comm_close"}[event.action]
    metadata = b"{}" if event.metadata is None else event.metadata.text.encode()
    return [Outgoing(IOPUB, kind, telling.parent, orjson.dumps(content), metadata, event.buffers)]


def _raised(telling: Telling, event: events.Raised) -> list[Outgoing]:
    return [published("error", telling.error(event.error), telling.parent)] if telling.begun else []


def _asked(telling: Telling, event: events.InputRequest) -> list[Outgoing]:
    if not telling.own:
        return []
    content = {"prompt": event.prompt, "password": event.password}
    return [Outgoing(STDIN, "input_request", telling.parent, orjson.dumps(content))]


def _gap(telling: Telling, gap: Gap) -> list[Outgoing]:
    missing = gap.last - gap.first + 1
    text = f"[interpreterd: {missing} messages of this execution are lost, since they are no longer kept]\n"
    return [stream("stderr", text, telling.parent)]


def _finished(telling: Telling, event: Finished) -> list[Outgoing]:
    told = [] if telling.begun else [status("busy", telling.parent)]
    if not telling.begun and event.error is not None and _is_news(event):
        told.append(published("error", telling.error(event.error), telling.parent))
    if telling.replied:
        told.append(_execute_reply(telling, event))
    told.append(status("idle", telling.parent))
    return told


def _execute_reply(telling: Telling, event: Finished) -> Outgoing:
    if event.outcome is Outcome.CANCELLED and not _is_news(event):
        content: dict[str, Any] = {"status": "aborted"}
    elif event.error is not None:
        content = {"status": "error", **telling.error(event.error), "execution_count": telling.count}
        content |= {"user_expressions": {}, "payload": []}
    else:
        content = {"status": "ok", "execution_count": telling.count, "user_expressions": telling.expressions}
        content["payload"] = list(telling.payload.values())
    answer = reply(SHELL, "execute_reply", content, telling.parent)
    metadata = {
        "started": iso(telling.started_at),
        "dependencies_met": True,
        "engine": _ENGINE,
        "status": content["status"],
    }
    return Outgoing(answer.channel, answer.kind, answer.parent, answer.content, orjson.dumps(metadata))


def _is_news(event: Finished) -> bool:
    """Whether the client does not know already why its execution was cancelled: no Python could be started."""
    return isinstance(event.cause, WorkerStartFailed)


def _restored(telling: Telling, event: Restored) -> list[Outgoing]:
    """Return what a person reads: front ends have no message for it, and know the kernel by its cells' numbers."""
    if event.is_as_left:
        return []
    checkpoint = f"the checkpoint {event.checkpoint_name}" if event.checkpoint_name else "a checkpoint"
    source = "an archive" if event.checkpoint_id is None else checkpoint
    text = f"[interpreterd: the variables of this kernel are now those of {source}]\n"
    return [stream("stderr", text, telling.parent)]


_ROWS: Final[Mapping[type[Any], Callable[[Telling, Any], list[Outgoing]]]] = {
    events.Started: _started,
    events.Output: _output,
    events.InputRequest: _asked,
    events.Raised: _raised,
    Finished: _finished,
    Gap: _gap,
    displays.Result: _result,
    displays.Display: _display,
    displays.UpdateDisplay: _update,
    displays.ClearOutput: _clear,
    displays.Evaluated: _evaluated,
    displays.NextInput: _next_input,
    CommMessage: _comm,
    Restored: _restored,
}
