"""The daemon's events, from JSON; PROTOCOL.md has them."""

import binascii
from typing import Any

import orjson
from attrs import frozen

from interpreterd.client.state import parse_skipped
from interpreterd.model import displays, events
from interpreterd.model.comms import CommMessage
from interpreterd.model.displays import is_json
from interpreterd.model.failures import Details, Failure, Frame
from interpreterd.model.files import ChangedFile, ChangedFiles
from interpreterd.model.functions import CallOutcome, FunctionCall, FunctionEnd
from interpreterd.model.restored import Restored


@frozen
class Numbered:
    """An event as it came.

    Attributes:
        event: None for a kind that this client does not know: the daemon is newer.
        tells_outcome: Whether the line has what a ``Finished`` knows. If the daemon is older, it has not: ``completed``
            and ``cancelled`` may then be ``lost``.
    """

    number: int
    execution_id: str | None
    event: events.Event | events.Gap | None
    tells_outcome: bool


def parse(line: bytes) -> Numbered:
    """Return the event of one line. Raises ValueError for a line that is not one.

    A ``Finished`` knows as much as the line: no error.
    """
    try:
        message = orjson.loads(line)
        number, execution_id = message["seq"], message.get("executionId")
        if not isinstance(number, int) or not isinstance(execution_id, str | None):
            raise TypeError
        return Numbered(number, execution_id, _parse_event(message), "outcome" in message)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"not an event: {line[:200]!r}") from None


def _parse_event(message: dict[str, Any]) -> events.Event | events.Gap | None:
    match message["type"]:
        case "stdout" | "stderr" as stream:
            return events.Output(
                stream=events.Stream(stream), text=message["text"], replaced=message.get("replaced", 0)
            )
        case "error":
            message["traceback"]  # it has one
            return events.Raised(error=parse_failure(message))
        case "control":
            return _parse_control(message)
        case "inputRequest":
            return events.InputRequest(prompt=message["prompt"], password=message["password"])
        case "functionCall":
            return parse_call(message)
        case "functionEnd":
            return FunctionEnd(call_id=message["callId"], outcome=CallOutcome(message["outcome"]))
        case "result":
            return displays.Result(**_parse_shown(message), execution_count=message["executionCount"])
        case "display":
            return displays.Display(
                **_parse_shown(message), display_id=message.get("displayId"), page="page" in message
            )
        case "updateDisplay":
            return displays.UpdateDisplay(**_parse_shown(message), display_id=message["displayId"])
        case "clearOutput":
            return displays.ClearOutput(wait=message["wait"])
        case "evaluated":
            shown = _parse_shown(message) if "data" in message else {}
            error = parse_failure(message["error"]) if "error" in message else None
            return displays.Evaluated(name=message["name"], error=error, **shown)
        case "nextInput":
            return displays.NextInput(text=message["text"], replace=message["replace"])
        case "comm":
            return CommMessage(
                action=message["action"],
                comm_id=message["commId"],
                target=message.get("target", ""),
                data=_json(message["data"]),
                metadata=_json(message["metadata"]) if message["metadata"] else None,
                buffers=tuple(binascii.a2b_base64(buffer) for buffer in message["buffers"]),
            )
        case "restored":
            checkpoint = message["checkpoint"] or {}
            return Restored(
                checkpoint_id=checkpoint.get("id"),
                checkpoint_name=checkpoint.get("name", ""),
                archive_id=message["archive"],
                missing=parse_skipped(message["missing"]),
            )
        case "gap":
            return events.Gap(first=message["first"], last=message["last"])
        case _:
            return None


def parse_call(message: dict[str, Any]) -> FunctionCall:
    """Return the call of a host function, from its event or from the list of open calls."""
    args, kwargs = _json(message["args"]), _json(message["kwargs"])
    return FunctionCall(call_id=message["callId"], name=message["name"], args=args, kwargs=kwargs)


def _parse_shown(message: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that all MIME bundles have."""
    data = {
        mime: value if isinstance(value, str) and not is_json(mime) else _json(value)
        for mime, value in message["data"].items()
    }
    return {"data": data, "metadata": _json(message["metadata"]) if message["metadata"] else None}


def _json(value: object) -> displays.Json:
    return displays.Json(orjson.dumps(value).decode())


def _parse_control(message: dict[str, Any]) -> events.Event | None:
    match message["text"]:
        case "queued":
            return events.Queued(ahead=message["ahead"])
        case "started":
            return events.Started(
                execution_count=message.get("executionCount", 0), worker_count=message.get("workerCount", 0)
            )
        case "restarted":
            return events.Restarted()
        case "completed" | "interrupted" | "cancelled" as text:
            reason = message.get("code")
            if not isinstance(reason, str | None):
                raise TypeError
            outcome = events.Outcome(message.get("outcome", text))
            return events.Finished(
                outcome=outcome,
                reason=reason,
                files=_parse_changed(message),
                execution_count=message.get("executionCount"),
            )
        case _:
            return None


def _parse_changed(message: dict[str, Any]) -> ChangedFiles | None:
    if "files" not in message:
        return None
    files = tuple(ChangedFile(path=it["path"], size_bytes=it["size"]) for it in message["files"])
    return ChangedFiles(files=files, is_cut="filesCut" in message)


def parse_failure(message: dict[str, Any]) -> Failure:
    """Return the exception of a JSON object; without details if the daemon is older, or has made the error itself."""
    details = _parse_details(message) if "frames" in message else None
    # A cause, a context or a part of a group has no traceback of its own.
    return Failure(
        name=message["name"], value=message["value"], traceback=message.get("traceback", ""), details=details
    )


def _parse_details(message: dict[str, Any]) -> Details:
    return Details(
        frames=tuple(map(_parse_frame, message["frames"])),
        omitted_frames=message["omittedFrames"],
        notes=tuple(message["notes"]),
        suggestion=message["suggestion"],
        cause=_parse_linked(message["cause"]),
        context=_parse_linked(message["context"]),
        suppress_context=message["suppressContext"],
        exceptions=tuple(map(parse_failure, message["exceptions"])),
    )


def _parse_linked(message: dict[str, Any] | None) -> Failure | None:
    return None if message is None else parse_failure(message)


def _parse_frame(frame: dict[str, Any]) -> Frame:
    return Frame(
        file=frame["file"],
        cell=frame["cell"],
        line=frame["line"],
        end_line=frame["endLine"],
        column=frame["column"],
        end_column=frame["endColumn"],
        function=frame["function"],
        source=frame["source"],
    )
