"""Events: what happens to executions and contexts, as clients see it."""

import enum
from typing import Final, Self

from attrs import field, frozen

from interpreterd.model.errors import InterpreterError

EVENT_LIMIT_CHARS: Final = 64 << 10  # a character is at most six bytes of JSON, and larger pieces are no faster


class Stream(enum.StrEnum):
    """The source of output."""

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
    """A piece of the program's output.

    Attributes:
        text: At most ``EVENT_LIMIT_CHARS`` long; never empty.
        replaced: How many U+FFFD of ``text`` stand for bytes that were not UTF-8.
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
        traceback: As CPython prints it; empty if there is none.
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
        error: The error of ``Raised``; None if the code ended without an exception.
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
    """An execution has been submitted; only followers of its context see this.

    Attributes:
        code: At most ``EVENT_LIMIT_CHARS`` of it.
        cut_chars: How much longer it is.
    """

    code: str = field(repr=_chars)
    origin: str
    cut_chars: int = 0

    @classmethod
    def of(cls, code: str, origin: str) -> Self:
        cut_chars = max(0, len(code) - EVENT_LIMIT_CHARS)
        return cls(code=code[:EVENT_LIMIT_CHARS], origin=origin, cut_chars=cut_chars)


@frozen(kw_only=True)
class WorkerEnded:
    """The context's Python has ended, and its variables are gone; only followers of the context see this."""

    how: str


Event = Output | Queued | Started | Restarted | InputRequest | Raised | Finished


@frozen(kw_only=True)
class Happened:
    """An event as followers of a context see it; ``execution_id`` is None for events outside of executions."""

    execution_id: str | None
    event: Event | Submitted | WorkerEnded
