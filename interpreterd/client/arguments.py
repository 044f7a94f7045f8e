"""Arguments of callers as JSON, and errors that name an argument that cannot be sent."""

import dataclasses
import datetime
import enum
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from interpreterd.client.errors import InvalidArgument

_NAMES: Final = {"contextId": "context_id", "graceS": "grace_s"}  # keys whose argument has another name
_LIMIT: Final = 2**63  # what orjson can write


def encode_request(body: Mapping[str, object]) -> bytes:
    """Return a request's keys as JSON. Raises as ``check``."""
    for key, value in body.items():
        check(value, _NAMES.get(key, key))
    return orjson.dumps(body, default=as_plain)


def check(value: object, name: str, also: Callable[[object], object] | None = None) -> None:
    """Raise for a value that JSON cannot hold; the error has its ``name``.

    With ``also``, what this returns is checked in place of each value in it: itself, or how it will be written.

    Raises:
        InvalidArgument: Text with a lone surrogate, a number that is not finite or too large.
        TypeError: Something of another kind.
    """
    if also is not None:
        value = also(value)
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value, name)
        case int():
            if not -_LIMIT <= value < _LIMIT:
                raise InvalidArgument(f"{name} is too large a number")
        case float():
            if not math.isfinite(value):
                raise InvalidArgument(f"{name} must be a finite number, not {value}")
        case Mapping():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"{name} must have strings as keys, not {key!r}")
                _check_text(key, f"{name}: the name {key!r}")
                check(item, f"{name}[{key!r}]", also)
        case list() | tuple():
            for index, item in enumerate(value):
                check(item, f"{name}[{index}]", also)
        case _:
            raise TypeError(f"{name} must be text, a number, a list or a mapping, not {type(value).__name__}")


def quoted(context_id: str) -> str:
    """Return a context's id as a part of a path. Raises as ``check``."""
    if not isinstance(context_id, str):
        raise TypeError(f"context_id must be a string, not {type(context_id).__name__}")
    _check_text(context_id, "context_id")
    return quote(context_id, safe="")


def _check_text(text: str, name: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = f"the lone surrogate {text[error.start]!r} at {error.start}"
        raise InvalidArgument(f"{name} cannot be sent as UTF-8: it has {found}") from None


def as_plain(value: Any) -> Any:
    """Return what orjson can write of what ``check`` lets pass: ``os.environ`` is a mapping, and no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def unpacked(value: object) -> object:
    """Return how orjson writes a value of the kinds that ``check`` does not know, or the value of any other kind."""
    if isinstance(value, enum.Enum):
        return unpacked(value.value)
    if isinstance(value, str | int | list | dict):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = {**dict.fromkeys(it.name for it in dataclasses.fields(value)), **getattr(value, "__dict__", {})}
        return {name: getattr(value, name) for name in names if not name.startswith("_") and hasattr(value, name)}
    if isinstance(value, datetime.date | datetime.time | uuid.UUID):  # a datetime is a date
        return str(value)
    return value
