"""The daemon's events, from JSON; PROTOCOL.md has them."""

from typing import Any

import orjson
from attrs import frozen

from interpreterd.model.events import (
    Event,
    Failure,
    Finished,
    Gap,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
    Stream,
)


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
    event: Event | Gap | None
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


def _parse_event(message: dict[str, Any]) -> Event | Gap | None:
    match message["type"]:
        case "stdout" | "stderr" as stream:
            return Output(stream=Stream(stream), text=message["text"], replaced=message.get("replaced", 0))
        case "error":
            return Raised(error=parse_failure(message))
        case "control":
            return _parse_control(message)
        case "inputRequest":
            return InputRequest(prompt=message["prompt"], password=message["password"])
        case "gap":
            return Gap(first=message["first"], last=message["last"])
        case _:
            return None


def _parse_control(message: dict[str, Any]) -> Event | None:
    match message["text"]:
        case "queued":
            return Queued(ahead=message["ahead"])
        case "started":
            return Started()
        case "restarted":
            return Restarted()
        case "completed" | "interrupted" | "cancelled" as text:
            reason = message.get("code")
            if not isinstance(reason, str | None):
                raise TypeError
            return Finished(outcome=Outcome(message.get("outcome", text)), reason=reason)
        case _:
            return None


def parse_failure(message: dict[str, Any]) -> Failure:
    """Return the exception of a JSON object."""
    return Failure(name=message["name"], value=message["value"], traceback=message["traceback"])
