"""The exceptions that a worker reports: untrusted JSON to ``Failure``."""

from collections.abc import Iterator
from typing import Any

from interpreterd.model.errors import ProtocolError
from interpreterd.model.failures import DESCRIBED_FRAMES_LIMIT, EXCEPTIONS_LIMIT, NOTES_LIMIT, Details, Failure, Frame
from interpreterd.pipe.values import get, get_list, get_natural, get_optional, get_optional_natural


def parse_reported(body: Any) -> Failure:
    """Return the exception of a ``done``. Raises ``ProtocolError``."""
    return _failure(body, iter(range(EXCEPTIONS_LIMIT)), traceback=get(_object(body, "error"), "traceback", str))


def _failure(body: Any, room: Iterator[int], traceback: str = "") -> Failure:
    """Return an exception, and those it has, as long as there is ``room``, of which each takes a number."""
    if next(room, None) is None:
        raise ProtocolError(f"error must have at most {EXCEPTIONS_LIMIT} exceptions")
    body = _object(body, "an exception")
    details = _details(body, room) if "frames" in body else None
    return Failure(name=get(body, "name", str), value=get(body, "value", str), traceback=traceback, details=details)


def _details(body: dict[str, Any], room: Iterator[int]) -> Details:
    """Return the parts of an exception. All keys are required, so that a client's JSON is no longer than this one."""
    linked = {key: get_optional(body, key, dict) for key in ("cause", "context")}
    return Details(
        frames=tuple(_frame(it) for it in get_list(body, "frames", dict, DESCRIBED_FRAMES_LIMIT)),
        omitted_frames=get_natural(body, "omittedFrames"),
        notes=tuple(get_list(body, "notes", str, NOTES_LIMIT)),
        suggestion=get_optional(body, "suggestion", str),
        suppress_context=get(body, "suppressContext", bool),
        exceptions=tuple(_failure(it, room) for it in get_list(body, "exceptions", dict, EXCEPTIONS_LIMIT)),
        **{key: None if it is None else _failure(it, room) for key, it in linked.items()},
    )


def _frame(body: dict[str, Any]) -> Frame:
    return Frame(
        file=get(body, "file", str),
        cell=get_optional_natural(body, "cell"),
        line=get_optional_natural(body, "line"),
        end_line=get_optional_natural(body, "endLine"),
        column=get_optional_natural(body, "column"),
        end_column=get_optional_natural(body, "endColumn"),
        function=get_optional(body, "function", str),
        source=get_optional(body, "source", str),
    )


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} must be an object")
    return value
