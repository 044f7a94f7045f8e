"""Events of an execution as messages on ``iopub``, and its end as a reply.

A kind without a row is not told. Each ``Telling`` is one execution as one client sees it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from interpreterd.dialects.jupyter.messages import SHELL, STDIN, Outgoing, iso, published, reply, status
from interpreterd.dialects.jupyter.tracebacks import traceback_lines
from interpreterd.model import displays, events
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Event, Failure, Finished, Gap, Outcome

_ENGINE: Final = "interpreterd"
_Shown = displays.Result | displays.Display | displays.UpdateDisplay


class Telling:
    """One execution, as it is told to one client.

    Attributes:
        parent: The header of its request, as JSON.
        code: To be told when it begins.
        count: Its number in the kernel; 0 before it has begun.
        silent: Whether its request asked for no ``execute_input``.
        own: Whether this client has asked for it, and gets its reply.
    """

    __slots__ = ("begun", "code", "count", "own", "parent", "silent", "started_at")

    def __init__(self, parent: bytes, code: str, *, silent: bool = False, own: bool = False) -> None:
        self.parent = parent
        self.code = code
        self.silent = silent
        self.own = own
        self.count = 0
        self.begun = False
        self.started_at = 0.0

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
    told = [status("busy", telling.parent)]
    if not telling.silent:
        content = {"code": telling.code, "execution_count": telling.count}
        told.append(published("execute_input", content, telling.parent))
    telling.code = ""  # it may be long
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
    content = {**_bundle(event), "execution_count": event.execution_count}
    return [published("execute_result", content, telling.parent)]


def _display(telling: Telling, event: displays.Display) -> list[Outgoing]:
    transient = {} if event.display_id is None else {"display_id": event.display_id}
    return [published("display_data", {**_bundle(event), "transient": transient}, telling.parent)]


def _update(telling: Telling, event: displays.UpdateDisplay) -> list[Outgoing]:
    content = {**_bundle(event), "transient": {"display_id": event.display_id}}
    return [published("update_display_data", content, telling.parent)]


def _clear(telling: Telling, event: displays.ClearOutput) -> list[Outgoing]:
    return [published("clear_output", {"wait": event.wait}, telling.parent)]


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
    if telling.own:
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
        content = {"status": "ok", "execution_count": telling.count, "user_expressions": {}, "payload": []}
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
}
