"""Values of a worker's JSON objects, by key: of exactly the right type, or a ``ProtocolError`` that names the key."""

from typing import Any, Final, TypeVar

from interpreterd.model.errors import ProtocolError

_NUMBER_LIMIT: Final = 1 << 53  # what JSON of any client can hold
_T = TypeVar("_T")


def get(body: dict[str, Any], key: str, kind: type[_T]) -> _T:
    """Return a value of ``kind``."""
    value = body.get(key)
    if type(value) is not kind:  # not isinstance: True is an int
        raise ProtocolError(f"{key} must be {kind.__name__}")
    return value


def get_optional(body: dict[str, Any], key: str, kind: type[_T]) -> _T | None:
    """Return a value of ``kind``, or None for null; the key must be there."""
    if body.get(key, body) is None:
        return None
    return get(body, key, kind)


def get_list(body: dict[str, Any], key: str, kind: type[_T], limit: int) -> list[_T]:
    """Return a list of at most ``limit`` values of ``kind``."""
    values = get(body, key, list)
    if len(values) > limit:
        raise ProtocolError(f"{key} must have at most {limit} items")
    if any(type(it) is not kind for it in values):
        raise ProtocolError(f"{key} must hold {kind.__name__} only")
    return values


def get_natural(body: dict[str, Any], key: str) -> int:
    """Return a number from 0 on."""
    value = get(body, key, int)
    if not 0 <= value < _NUMBER_LIMIT:
        raise ProtocolError(f"{key} must be from 0 to 2^53")
    return value


def get_optional_natural(body: dict[str, Any], key: str) -> int | None:
    """Return a number from 0 on, or None for null."""
    return None if get_optional(body, key, int) is None else get_natural(body, key)
