"""What clients send and see: requests, checked at the edge, and events.

Requests are parsed from decoded JSON by ``parse``; whatever it is given, it returns a request or raises
``MalformedRequest`` or ``InvalidRequest``. A key whose value is ``null`` is absent; unknown keys are ignored, since
newer clients may send more.
"""

import enum
import logging
from collections.abc import Mapping, Set
from datetime import UTC, datetime
from typing import Any, Final, Self

import orjson
from attrs import field, frozen

from interpreterd.errors import InterpreterError, InvalidRequest, MalformedRequest, UnsupportedLanguage

DEFAULT_CONTEXT_ID: Final = "default"
DEFAULT_TIMEOUT_S: Final = 600
TIMEOUT_LIMIT_S: Final = 2**32 - 1  # the field is an unsigned 32-bit integer in the clients' own schema
ID_LIMIT_CHARS: Final = 1000  # of a context's id, which the daemon repeats when it does not know it
EVENT_LIMIT_CHARS: Final = 64 << 10  # a character is at most six bytes of JSON, and more at once are no faster
_log = logging.getLogger(__name__)


class Stream(enum.Enum):
    """Where output came from."""

    STDOUT = "stdout"
    STDERR = "stderr"


class Outcome(enum.Enum):
    """How an execution ended."""

    COMPLETED = "completed"
    """By itself, also with an exception."""
    INTERRUPTED = "interrupted"
    """Stopped from outside: timeout or interrupt."""
    LOST = "lost"
    """Its worker ended under it."""
    CANCELLED = "cancelled"
    """Its context ended, or its worker could not start, before it ran."""


def _chars(text: str) -> str:
    return f"<{len(text)} chars>"


@frozen(kw_only=True)
class Output:
    """A piece of what the program wrote.

    Attributes:
        text: At most ``EVENT_LIMIT_CHARS`` long; never empty.
        replaced: How many U+FFFD of ``text`` stand for bytes that were no UTF-8.
    """

    stream: Stream
    text: str = field(repr=_chars)
    replaced: int = 0


@frozen(kw_only=True)
class Started:
    """The execution runs now: its first event, unless it never ran."""


@frozen(kw_only=True)
class Restarted:
    """The execution runs in a new worker: variables of earlier executions are gone."""


@frozen(kw_only=True)
class Failure:
    """An exception as text: of user code, or one that describes how the execution was ended.

    Attributes:
        traceback: As CPython prints it; empty where there is none.
    """

    name: str
    value: str = field(repr=_chars)
    traceback: str = field(default="", repr=_chars)


@frozen(kw_only=True)
class Finished:
    """The last event of an execution.

    Attributes:
        error: What the client is told of; None if the code ended without an exception.
        cause: The daemon's reason for ending it; None if it ended by itself or with its worker.
    """

    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None


Event = Output | Started | Restarted | Finished


@frozen(kw_only=True)
class CreateContext:
    """Make a context.

    Attributes:
        cwd: Absolute path of an existing directory; None for the daemon's own.
        preload: Modules of the template whose fork its worker is to be; None for whatever the daemon has.
    """

    cwd: str | None = None
    preload: Set[str] | None = None

    @classmethod
    def parse(cls, value: object) -> Self:
        body = _object(value, "the body", {"cwd", "language", "preload"})
        language = _string(body, "language")
        if language not in (None, "", "python"):
            raise UnsupportedLanguage
        return cls(cwd=_string(body, "cwd") or None, preload=_names(body, "preload"))


@frozen(kw_only=True)
class Execute:
    """Run ``code`` as one execution.

    Attributes:
        code: Python source, not empty.
        context_id: None for the default context.
        timeout_s: Wall-clock seconds from its start, queueing not counted; None for no limit.
        envs: Environment variables, for this execution only.
    """

    code: str = field(repr=_chars)
    context_id: str | None = None
    timeout_s: int | None = DEFAULT_TIMEOUT_S
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")

    @classmethod
    def parse(cls, value: object) -> Self:
        message = _object(value, "the message", {"code", "contextId", "timeout", "envs"})
        code = _string(message, "code")
        context_id = _string(message, "contextId")
        timeout_s = _whole_number(message, "timeout")
        envs = _environment(message, "envs")
        if not code:
            raise InvalidRequest("code must not be empty")
        if len(context_id or "") > ID_LIMIT_CHARS:
            raise InvalidRequest(f"contextId must be at most {ID_LIMIT_CHARS} characters long")
        if timeout_s is None:
            timeout_s = DEFAULT_TIMEOUT_S
        elif not 0 <= timeout_s <= TIMEOUT_LIMIT_S:
            raise InvalidRequest(f"timeout must be a number of seconds from 0 (none) to {TIMEOUT_LIMIT_S}")
        return cls(code=code, context_id=context_id or None, timeout_s=timeout_s or None, envs=envs)


@frozen(kw_only=True)
class ContextInfo:
    """What clients see of a context.

    Attributes:
        created_at: Aware, UTC.
        active: Whether a worker is there; the next execution of an inactive context starts one.
    """

    id: str
    cwd: str
    created_at: datetime
    active: bool

    def to_json(self) -> dict[str, Any]:
        created_at = self.created_at.astimezone(UTC).isoformat(timespec="microseconds")
        return {
            "id": self.id,
            "cwd": self.cwd,
            "language": "python",
            "createdAt": created_at.replace("+00:00", "Z"),
            "active": self.active,
        }


def decode_json(data: bytes | str, what: str) -> object:
    """Return the value of a client's JSON; ``what`` names it in the error. Raises ``MalformedRequest``."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"{what} must be JSON: {error}") from None


def _object(value: object, what: str, known: Set[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedRequest(f"{what} must be a JSON object")
    if unknown := value.keys() - known:
        _log.debug("%s has unknown keys: %.200s", what, sorted(unknown))
    return {key: item for key, item in value.items() if item is not None}


def _string(body: dict[str, object], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedRequest(f"{key} must be a string")
    return value


def _names(body: dict[str, object], key: str) -> frozenset[str] | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise MalformedRequest(f"{key} must be a list of strings")
    return frozenset(value)


def _whole_number(body: dict[str, object], key: str) -> int | None:
    value = body.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise MalformedRequest(f"{key} must be a whole number")
    return value


def _environment(body: dict[str, object], key: str) -> dict[str, str]:
    value = body.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise MalformedRequest(f"{key} must be an object whose values are strings")
    for name, item in value.items():
        # What setenv(3) and execve(2) cannot hold.
        if not name or "=" in name or "\0" in name or "\0" in item:
            raise InvalidRequest(f"{key} must have names without '=' and NUL, not empty, and values without NUL")
    return value
