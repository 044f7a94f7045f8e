"""The limits of a context in this API's JSON: requests and answers."""

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
    "execution_s": "executionSeconds",
    "idle_s": "idleTimeoutSeconds",
    "lifetime_s": "maxLifetimeSeconds",
    "code_bytes": "codeBytes",
    "open_files": "openFiles",
    "disk_bytes": "diskBytes",
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
    """Return the error of a limit as a sentence, with this API's key."""
    return f"{KEY}.{KEYS[error.limit]} {error.must}"


@functools.lru_cache(maxsize=64)  # most of a thousand listed contexts have the same limits
def limits_body(limits: Limits) -> Mapping[str, Any]:
    """Return the limits that are set, and the queue's only if it was set on purpose. The result must not be changed."""
    shown = {key: getattr(limits, name) for name, key in KEYS.items()}
    if limits.queue_is_usual:
        del shown["queued"]
    return {key: value for key, value in shown.items() if value is not None}
