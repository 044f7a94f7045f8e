"""The keys of a client's JSON: each has the right type, or an error names the key and its type.

Most functions take a JSON object and a key. They raise ``MalformedRequest`` for a value of another type, and
``InvalidRequest`` for an impossible value.
"""

import itertools
import logging
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Set
from typing import Final

import orjson

from interpreterd.model.digest import utf8_bytes
from interpreterd.model.errors import InvalidRequest, MalformedRequest

ENVS_LIMIT_BYTES: Final = 128 << 10  # the limit of execve(2) for one variable
LOGGED_KEYS: Final = 10
MOST_SECONDS: Final = 2**32 - 1
_log = logging.getLogger(__name__)


def decode_json(data: bytes | str, what: str) -> object:
    """Return the value of a client's JSON; ``what`` names it in the error. Raises ``MalformedRequest``.

    A byte order mark before it is ignored, as RFC 8259, section 8.1, allows.
    """
    if data[:3] == BOM_UTF8 or data[:1] == "\ufeff":
        data = data[3 if isinstance(data, bytes) else 1 :]
    elif data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):
        raise MalformedRequest(f"{what} must be JSON in UTF-8, not in UTF-16 or UTF-32")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"{what} must be JSON: {error}") from None


def json_object(value: object, what: str, known: Set[str]) -> dict[str, object]:
    """Return the ``known`` keys of a JSON object that are not null; others are ignored, and some of them logged."""
    if not isinstance(value, dict):
        raise MalformedRequest(f"{what} must be a JSON object")
    if _log.isEnabledFor(logging.DEBUG) and not value.keys() <= known:
        unknown = itertools.islice((key for key in value if key not in known), LOGGED_KEYS)
        _log.debug("%s has unknown keys: %.200s", what, sorted(unknown))
    keys = value if len(value) <= len(known) else known  # the smaller of both: a client may send a hundred thousand
    return {key: item for key in keys if key in known and (item := value.get(key)) is not None}


def string(body: dict[str, object], key: str) -> str | None:
    """Return a string; None if the key is absent."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedRequest(f"{key} must be a string")
    return value


def choice(body: dict[str, object], key: str, choices: tuple[str, ...]) -> str:
    """Return the value of ``key``, which must be one of ``choices``; the first one is the default."""
    value = string(body, key)
    if value is None:
        return choices[0]
    if value not in choices:
        raise InvalidRequest(f"{key} must be one of {', '.join(choices)}")
    return value


def flag(body: dict[str, object], key: str) -> bool:
    """Return a boolean; False if the key is absent."""
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise MalformedRequest(f"{key} must be true or false")
    return value


def names(body: dict[str, object], key: str) -> frozenset[str] | None:
    """Return a list of strings as a set; None if the key is absent."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise MalformedRequest(f"{key} must be a list of strings")
    return frozenset(value)


def whole_number(body: dict[str, object], key: str) -> int | None:
    """Return a whole number; None if the key is absent."""
    value = body.get(key)
    if value is None:
        return None
    number = as_whole(value)
    if number is None:
        raise MalformedRequest(f"{key} must be a whole number")
    return number


def seconds(body: dict[str, object], key: str) -> float | None:
    """Return a number of seconds, not negative, perhaps a fraction; None if the key is absent."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MalformedRequest(f"{key} must be a number")
    if not 0 <= value <= MOST_SECONDS:  # this form refuses NaN
        raise InvalidRequest(f"{key} must be a number of seconds from 0 to {MOST_SECONDS}")
    return float(value)


def as_whole(value: object) -> int | None:
    """Return a whole number, also from ``30.0``, as JSON has only one kind of number. None if it is not whole."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def environment(body: dict[str, object], key: str) -> dict[str, str]:
    """Return environment variables, at most ``ENVS_LIMIT_BYTES``; empty if the key is absent."""
    value = body.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise MalformedRequest(f"{key} must be an object whose values are strings")
    for name, item in value.items():
        # setenv(3) and execve(2) cannot hold these.
        if not name or "=" in name or "\0" in name or "\0" in item:
            raise InvalidRequest(f"{key} must have names without '=' and NUL, not empty, and values without NUL")
    if sum(utf8_bytes(name) + utf8_bytes(item) for name, item in value.items()) > ENVS_LIMIT_BYTES:
        raise InvalidRequest(f"{key} must be at most {ENVS_LIMIT_BYTES} bytes long, names and values together")
    return value
