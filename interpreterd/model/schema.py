"""What clients send and see: requests, checked at the edge, and events.

Requests are parsed from decoded JSON by ``parse``; whatever it is given, it returns a request or raises
``MalformedRequest`` or ``InvalidRequest``. A key whose value is ``null`` is absent; unknown keys are ignored, since
newer clients may send more.
"""

import enum
import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Self

from attrs import field, frozen

from interpreterd.model.digest import Digest
from interpreterd.model.environment import check_late_envs
from interpreterd.model.errors import InterpreterError, InvalidRequest
from interpreterd.model.fields import choice, environment, flag, json_object, seconds, string, whole_number

DEFAULT_CONTEXT_ID: Final = "default"
DEFAULT_TIMEOUT_S: Final = 600
TIMEOUT_LIMIT_S: Final = 2**32 - 1  # the field is an unsigned 32-bit integer in the clients' own schema
ID_LIMIT_CHARS: Final = 1000  # of a context's id, which the daemon repeats when it does not know it
ORIGIN_LIMIT_CHARS: Final = 256
EVENT_LIMIT_CHARS: Final = 64 << 10  # a character is at most six bytes of JSON, and more at once are no faster
_EPOCH: Final = datetime(1970, 1, 1)  # UTC; one that knows it takes twice as long to format


class Stream(enum.StrEnum):
    """Where output came from."""

    STDOUT = "stdout"
    STDERR = "stderr"


class Outcome(enum.StrEnum):
    """How an execution ended."""

    COMPLETED = "completed"
    """By itself, also with an exception."""
    INTERRUPTED = "interrupted"
    """From outside, by a timeout or an interrupt."""
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
class Queued:
    """The execution waits for ``ahead`` others, or for the context's worker if 0."""

    ahead: int


@frozen(kw_only=True)
class Started:
    """The execution runs now."""


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

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "value": self.value, "traceback": self.traceback}


@frozen(kw_only=True)
class InputRequest:
    """The code waits in ``input()``, or in ``getpass()`` if ``password``, for its client's answer."""

    prompt: str
    password: bool


@frozen(kw_only=True)
class Raised:
    """The exception that ended the code, or that describes how it was ended; after all output, before ``Finished``."""

    error: Failure


@frozen(kw_only=True)
class Finished:
    """The last event of an execution.

    Attributes:
        error: What ``Raised`` has said; None if the code ended without an exception.
        cause: The daemon's reason for ending it; None if it ended by itself or with its worker.
    """

    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None


@frozen(kw_only=True)
class Gap:
    """Events that a follower missed: their numbers, ``first`` to ``last``, both included."""

    first: int
    last: int


@frozen(kw_only=True)
class Submitted:
    """An execution has been asked for; only followers of its context are told.

    Attributes:
        code: At most ``EVENT_LIMIT_CHARS`` of it.
        cut_chars: How much longer it is.
    """

    code: str = field(repr=_chars)
    origin: str
    cut_chars: int = 0

    @classmethod
    def of(cls, request: "Execute") -> Self:
        cut_chars = max(0, len(request.code) - EVENT_LIMIT_CHARS)
        return cls(code=request.code[:EVENT_LIMIT_CHARS], origin=request.origin, cut_chars=cut_chars)


@frozen(kw_only=True)
class WorkerEnded:
    """The context's Python has ended, and its variables are gone; only followers of the context are told."""

    how: str


Event = Output | Queued | Started | Restarted | InputRequest | Raised | Finished


@frozen(kw_only=True)
class Happened:
    """An event as followers of a context see it; ``execution_id`` is None for what belongs to no execution."""

    execution_id: str | None
    event: Event | Submitted | WorkerEnded


@frozen(kw_only=True)
class Execute:
    """Run ``code`` as one execution.

    Attributes:
        code: Python source, not empty.
        context_id: None for the default context.
        timeout_s: Wall-clock seconds from its start, queueing not counted; None for no limit.
        grace_s: Seconds it may go on after an interrupt, before it is killed; None for the daemon's own.
        envs: Environment variables, for this execution only.
        stays: Whether it goes on when its client's connection ends; else it is interrupted.
        numbered: Whether the client wants the events of version 2: with their number, and the execution's id.
        stdin: Whether ``input()`` asks the client.
        interactive: Whether the values of its expressions are printed, as at Python's own prompt.
        background: Whether nobody waits for it; only over HTTP.
        origin: What the client calls itself, for others that follow the context.
        digest: Of the code, if it is known already: to find it out takes long if the code is.
    """

    code: str = field(repr=_chars)
    context_id: str | None = None
    timeout_s: int | None = DEFAULT_TIMEOUT_S
    grace_s: float | None = None
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    stays: bool = True
    numbered: bool = False
    stdin: bool = False
    interactive: bool = False
    background: bool = False
    origin: str = ""
    digest: Digest | None = field(default=None, repr=False, eq=False)

    @classmethod
    def parse(cls, value: object) -> Self:
        message = json_object(
            value,
            "the message",
            {
                "code",
                "contextId",
                "timeout",
                "graceS",
                "envs",
                "onDisconnect",
                "events",
                "stdin",
                "interactive",
                "background",
                "origin",
            },
        )
        code = string(message, "code")
        context_id = string(message, "contextId")
        timeout_s = whole_number(message, "timeout")
        envs = environment(message, "envs")
        check_late_envs(envs)
        if not code:
            raise InvalidRequest("code must not be empty")
        if len(context_id or "") > ID_LIMIT_CHARS:
            raise InvalidRequest(f"contextId must be at most {ID_LIMIT_CHARS} characters long")
        if timeout_s is None:
            timeout_s = DEFAULT_TIMEOUT_S
        elif not 0 <= timeout_s <= TIMEOUT_LIMIT_S:
            raise InvalidRequest(f"timeout must be a number of seconds from 0 (none) to {TIMEOUT_LIMIT_S}")
        origin = string(message, "origin") or ""
        if len(origin) > ORIGIN_LIMIT_CHARS:
            raise InvalidRequest(f"origin must be at most {ORIGIN_LIMIT_CHARS} characters long")
        return cls(
            code=code,
            context_id=context_id or None,
            timeout_s=timeout_s or None,
            grace_s=seconds(message, "graceS"),
            envs=envs,
            stays=choice(message, "onDisconnect", ("continue", "interrupt")) == "continue",
            numbered=choice(message, "events", ("v1", "v2")) == "v2",
            stdin=flag(message, "stdin"),
            interactive=flag(message, "interactive"),
            background=flag(message, "background"),
            origin=origin,
        )


@functools.lru_cache(maxsize=2048)  # half a megabyte: who lists a thousand contexts does so again, and most have rested
def timestamp(moment: float) -> str:
    """Return ``moment``, in seconds since the epoch, as clients read it: RFC 3339, UTC."""
    return (_EPOCH + timedelta(seconds=moment)).isoformat(timespec="microseconds") + "Z"
