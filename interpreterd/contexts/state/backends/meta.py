"""What an archive says of itself, as JSON in its file."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from interpreterd.contexts.state.backends.layout import Damaged
from interpreterd.model.archives import ArchiveInfo, Skipped

_T = TypeVar("_T")


def encode_meta(info: ArchiveInfo) -> bytes:
    """Return ``info`` as JSON; without the size of the file, which includes it."""
    return orjson.dumps(
        {
            "id": info.id,
            "name": info.name,
            "createdAt": info.created_at,
            "python": info.python,
            "implementation": info.implementation,
            "contextId": info.context_id,
            "tenant": info.tenant or "",
            "contentBytes": info.content_bytes,
            "saved": info.saved,
            "skipped": [[it.name, it.reason] for it in info.skipped],
            "omitted": info.omitted,
            "modules": info.modules,
        }
    )


def decode_meta(data: bytes, size_bytes: int) -> ArchiveInfo:
    """Return what a file of ``size_bytes`` says of itself. Raises ``Damaged``: another version may have written it."""
    try:
        body = orjson.loads(data)
        if not isinstance(body, dict):
            raise TypeError("not an object")
        skipped = body.get("skipped", [])
        return ArchiveInfo(
            id=_get(body, "id", str, None),
            name=_get(body, "name", str, ""),
            created_at=_time(body),
            size_bytes=size_bytes,
            content_bytes=_get(body, "contentBytes", int, 0),
            saved=_names(body, "saved"),
            skipped=tuple(_pair(it) for it in skipped),
            omitted=_get(body, "omitted", int, 0),
            modules=_names(body, "modules"),
            python=_get(body, "python", str, ""),
            implementation=_get(body, "implementation", str, ""),
            context_id=_get(body, "contextId", str, ""),
            tenant=_get(body, "tenant", str, ""),
        )
    except (ValueError, TypeError) as error:
        raise Damaged(f"what it says of itself cannot be read: {error}") from None


def _get(body: dict[str, Any], key: str, kind: type[_T], default: _T | None) -> _T:
    value = body.get(key, default)
    if type(value) is not kind:
        raise TypeError(f"{key} is wrong")
    return value


def _time(body: dict[str, Any]) -> float:
    value = body.get("createdAt")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("createdAt is wrong")
    return float(value)


def _names(body: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_checked(it, key, lambda it: isinstance(it, str)) for it in _get(body, key, list, []))


def _pair(value: Any) -> Skipped:
    _checked(value, "skipped", lambda it: isinstance(it, list) and len(it) == 2 and all(type(x) is str for x in it))
    return Skipped(*value)


def _checked(value: Any, key: str, is_right: Callable[[Any], bool]) -> Any:
    if not is_right(value):
        raise TypeError(f"{key} is wrong")
    return value
