"""The answers of a worker that has looked at the namespace: untrusted JSON to types of ``model``."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from interpreterd.model.errors import ProtocolError
from interpreterd.model.looks import (
    COMMS_LIMIT,
    HISTORY_LIMIT,
    MATCHES_LIMIT,
    VARIABLES_LIMIT,
    Cell,
    Comms,
    Completeness,
    CompletenessStatus,
    Completions,
    Found,
    History,
    Inspection,
    OpenComm,
    Variable,
    Variables,
)
from interpreterd.pipe.values import get, get_list, get_natural, get_optional, get_optional_natural

_DIMENSIONS_LIMIT: Final = 64
_STATUSES: Final[Mapping[str, CompletenessStatus]] = {
    "complete": "complete",
    "incomplete": "incomplete",
    "invalid": "invalid",
    "unknown": "unknown",
}


def parse_found(body: dict[str, Any]) -> Found:
    """Return what a worker has found. Raises ``ProtocolError``."""
    kind = get(body, "kind", str)
    if kind not in _PARSERS:
        raise ProtocolError(f"kind must be one of {', '.join(_PARSERS)}")
    return _PARSERS[kind](body)


def _completions(body: dict[str, Any]) -> Completions:
    found = Completions(
        matches=tuple(get_list(body, "matches", str, MATCHES_LIMIT)),
        types=tuple(get_list(body, "types", str, MATCHES_LIMIT)),
        cursor_start=get_natural(body, "cursorStart"),
        cursor_end=get_natural(body, "cursorEnd"),
        omitted=get_natural(body, "omitted"),
    )
    if len(found.matches) != len(found.types):
        raise ProtocolError("types must be as many as matches")
    return found


def _inspection(body: dict[str, Any]) -> Inspection:
    return Inspection(
        found=get(body, "found", bool),
        name=get(body, "name", str),
        type=get_optional(body, "type", str),
        kind=get_optional(body, "of", str),
        signature=get_optional(body, "signature", str),
        docstring=get_optional(body, "docstring", str),
        value=get_optional(body, "value", str),
        file=get_optional(body, "file", str),
        line=get_optional_natural(body, "line"),
        source=get_optional(body, "source", str),
    )


def _completeness(body: dict[str, Any]) -> Completeness:
    status = _STATUSES.get(get(body, "status", str))
    if status is None:
        raise ProtocolError(f"status must be one of {', '.join(_STATUSES)}")
    return Completeness(status=status, indent=get(body, "indent", str))


def _variables(body: dict[str, Any]) -> Variables:
    found = get_list(body, "variables", dict, VARIABLES_LIMIT)
    return Variables(variables=tuple(map(_variable, found)), omitted=get_natural(body, "omitted"))


def _variable(body: dict[str, Any]) -> Variable:
    has_shape = get_optional(body, "shape", list) is not None
    shape = get_list(body, "shape", int, _DIMENSIONS_LIMIT) if has_shape else None
    return Variable(
        name=get(body, "name", str),
        type=get(body, "type", str),
        kind=get(body, "kind", str),
        repr=get_optional(body, "repr", str),
        size=get_optional_natural(body, "size"),
        length=get_optional_natural(body, "length"),
        shape=None if shape is None else tuple(get_natural({"shape": it}, "shape") for it in shape),
        dtype=get_optional(body, "dtype", str),
    )


def _history(body: dict[str, Any]) -> History:
    cells = [
        Cell(number=get_natural(it, "number"), source=get(it, "source", str), output=get_optional(it, "output", str))
        for it in get_list(body, "cells", dict, HISTORY_LIMIT)
    ]
    return History(cells=tuple(cells), omitted=get_natural(body, "omitted"))


def _comms(body: dict[str, Any]) -> Comms:
    found = get_list(body, "comms", dict, COMMS_LIMIT)
    comms = tuple(OpenComm(comm_id=get(it, "id", str), target=get(it, "target", str)) for it in found)
    return Comms(comms=comms, omitted=get_natural(body, "omitted"))


_PARSERS: Final[Mapping[str, Callable[[dict[str, Any]], Found]]] = {
    "complete": _completions,
    "inspect": _inspection,
    "isComplete": _completeness,
    "variables": _variables,
    "history": _history,
    "comms": _comms,
}
