"""Limits of a context by the names of this API, as clients ask for them and see them."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from interpreterd.http.fields import as_whole, json_object
from interpreterd.model.errors import InvalidLimit, MalformedRequest
from interpreterd.model.limits import Limits, check_limit

KEY: Final = "limits"
KEYS: Final[Mapping[str, str]] = {
    "memory_bytes": "memoryBytes",
    "cpu_s": "cpuSeconds",
    "output_bytes": "outputBytes",
    "processes": "processes",
    "queued": "queued",
    "code_bytes": "codeBytes",
}
"""The key of each of ``Limits.kinds()``; a test shows that none is missing."""


def parse_limits(body: dict[str, object]) -> Limits:
    """Return the limits in a client's JSON. Raises ``MalformedRequest`` or ``InvalidLimit``."""
    given = json_object(body.get(KEY, {}), KEY, frozenset(KEYS.values()))
    values: dict[str, Any] = {}
    for name, kind in Limits.kinds().items():
        value = given.get(KEYS[name])
        if value is None:
            continue
        whole = kind.metadata["whole"]
        number = as_whole(value)
        if number is None and not whole and isinstance(value, float):
            values[name] = value
        elif number is not None:
            values[name] = number
        else:
            raise MalformedRequest(f"{KEY}.{KEYS[name]} must be a {'whole ' if whole else ''}number")
        check_limit(kind, values[name])
    return Limits(**values)


def limit_sentence(error: InvalidLimit) -> str:
    """Return what is wrong with a limit, by its key."""
    return f"{KEY}.{KEYS[error.limit]} {error.must}"


@functools.lru_cache(maxsize=64)  # a thousand contexts, listed, mostly have the same
def limits_body(limits: Limits) -> Mapping[str, Any]:
    """Return the limits that there are, and a queue's only if somebody has set it. Not to be changed."""
    shown = {key: getattr(limits, name) for name, key in KEYS.items()}
    if limits.queue_is_usual:
        del shown["queued"]
    return {key: value for key, value in shown.items() if value is not None}
