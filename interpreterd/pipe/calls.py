"""The messages of host functions, between daemon and worker; see ``messages``. Values stay JSON text on their way."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import field, frozen

from interpreterd.model.displays import Json, weight
from interpreterd.model.errors import ProtocolError
from interpreterd.model.functions import JSON_WEIGHT_LIMIT, HostFunction
from interpreterd.pipe.values import get, get_natural

LIGHT_CALL_BYTES: Final = 64 << 10  # cannot have many elements


@frozen(kw_only=True)
class Return:
    """Daemon: the call with this number has returned ``value``."""

    number: int
    value: Json = field(repr=False)


@frozen(kw_only=True)
class Raise:
    """Daemon: the call with this number has raised; ``name`` is the exception's class, ``value`` its message."""

    number: int
    name: str
    value: str = field(repr=False)


@frozen(kw_only=True)
class CancelCall:
    """Daemon: the call with this number gets no answer, as its execution is to end."""

    number: int


@frozen(kw_only=True)
class Called:
    """Worker: the code calls a host function. Answered by ``Return``, ``Raise`` or ``CancelCall``.

    Attributes:
        number: Greater than those of all earlier calls of the execution.
        args: A JSON array.
        kwargs: A JSON object.
    """

    execution_id: str
    number: int
    name: str
    args: Json = field(repr=False)
    kwargs: Json = field(repr=False)


@frozen(kw_only=True)
class Dropped:
    """Worker: the code no longer waits for the answer of this call, for example after its own timeout."""

    execution_id: str
    number: int


def parse_called(body: dict[str, Any], line: bytes) -> Called:
    """Return the message of ``body``, which was read from ``line``. Raises ``ProtocolError``."""
    if len(line) > LIGHT_CALL_BYTES and weight(line) > JSON_WEIGHT_LIMIT:
        raise ProtocolError("called has too many elements")
    args, kwargs = get(body, "args", list), get(body, "kwargs", dict)
    try:
        return Called(
            execution_id=get(body, "id", str),
            number=get_natural(body, "number"),
            name=get(body, "name", str),
            args=Json(orjson.dumps(args).decode()),
            kwargs=Json(orjson.dumps(kwargs).decode()),
        )
    except orjson.JSONEncodeError as error:  # too deep
        raise ProtocolError(f"called: {error}") from None


def parse_dropped(body: dict[str, Any]) -> Dropped:
    """Return the message of ``body``. Raises ``ProtocolError``."""
    return Dropped(execution_id=get(body, "id", str), number=get_natural(body, "number"))


def call_end_body(message: Return | Raise | CancelCall) -> dict[str, Any]:
    """Return a message of the daemon as a JSON object."""
    match message:
        case Return(number=number, value=value):
            return {"type": "returned", "number": number, "value": orjson.Fragment(value.text)}
        case Raise(number=number, name=name, value=text):
            return {"type": "raised", "number": number, "name": name, "value": text}
        case CancelCall(number=number):
            return {"type": "cancelled", "number": number}


def declared(functions: tuple[HostFunction, ...]) -> list[Mapping[str, Any]]:
    """Return ``functions`` as the worker gets them."""
    return [{"name": it.name, "async": it.is_async, "signature": it.signature, "doc": it.doc} for it in functions]
