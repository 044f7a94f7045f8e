"""Events: what happens to executions and contexts, as clients see it, with their size in memory."""

import enum
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol, Self, final, get_args, get_origin

import attrs
from attrs import field, frozen

from interpreterd.model.errors import InterpreterError
from interpreterd.model.failures import Failure as Failure
from interpreterd.model.files import ChangedFiles
from interpreterd.model.looks import Found
from interpreterd.model.memory import memory_bytes

EVENT_LIMIT_CHARS: Final = 64 << 10  # a character is at most six bytes of JSON, and larger pieces are no faster
EVENT_BYTES: Final = 256  # the memory of an event besides its fields' texts: two objects and a place in the log
COUNTED_ELSEWHERE: Final[Mapping[str, bool]] = {"counted elsewhere": True}
"""The ``metadata`` of a field whose object another event counts."""
_SMALL: Final = (int, float, enum.Enum, types.NoneType)


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


class Record(Protocol):
    """The record of an execution besides its events; events change it."""

    def note_begin(self) -> None:
        """The execution runs now."""

    def note_output(self, stream: Stream, chars: int) -> None:
        """The execution has written output."""

    def note_end(self, outcome: Outcome, error: Failure | None) -> None:
        """The execution has ended."""


class Event:
    """An event of an execution or of a context.

    The set of kinds is open. A kind is a class made by ``attrs.frozen(kw_only=True)``, derived from this class alone.
    Its size is the sum of its fields, so that every kind counts against the bounds of memory. The definition of a kind
    that lacks a required answer is an error.

    Attributes:
        counts_as_backlog: Whether an execution may have any number of this kind before its client reads one. They count
            against the client's backlog, and when that is full the program waits. Each kind has to answer. Of the kinds
            that do not count, a journal takes a few.
        is_last: Whether it is the last event of its execution.
    """

    __slots__ = ()
    counts_as_backlog: ClassVar[bool]
    is_last: ClassVar[bool] = False
    _keeping: ClassVar[tuple[str, ...] | None] = None

    def __init_subclass__(cls) -> None:
        if any(isinstance(it, functools.cached_property) for it in cls.__dict__.values()):
            raise TypeError(f"{cls.__name__} must not keep what it computes: only fields are counted")
        if cls.__bases__ != (Event,):
            raise TypeError(f"{cls.__name__} must be derived from Event alone: dialects look kinds up by their class")
        if not isinstance(cls.__dict__.get("counts_as_backlog"), bool):
            raise TypeError(f"{cls.__name__} must say whether it counts_as_backlog")
        if "kept_bytes" in cls.__dict__:
            raise TypeError(f"{cls.__name__} must not say itself what it keeps: its fields do")

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        if cls.__setattr__ is object.__setattr__:
            raise TypeError(f"{cls.__name__} must be frozen: what it keeps is counted once")
        fields: Callable[[type], Sequence[attrs.Attribute[Any]]] = attrs.fields
        cls._keeping = tuple(it.name for it in fields(cls) if _may_keep(it))

    def __init__(self) -> None:
        raise TypeError(f"{type(self).__name__} must be made by attrs.frozen")

    @property
    @final
    def kept_bytes(self) -> int:
        """Roughly the bytes of memory that it keeps: up to four for a character, and much for a short text."""
        if self._keeping is None:
            raise TypeError(f"{type(self).__name__} must be made by attrs.frozen")
        kept_bytes = EVENT_BYTES
        for name in self._keeping:
            kept_bytes += memory_bytes(getattr(self, name))
        return kept_bytes

    def note(self, record: Record) -> None:
        """Update the record of its execution; most kinds change nothing."""


def _may_keep(it: "attrs.Attribute[Any]") -> bool:
    """Whether a field counts: all except numbers, truth values, and fields that another event counts."""
    kinds = get_args(it.type) if get_origin(it.type) is types.UnionType else (it.type,)
    is_small = all(isinstance(kind, type) and issubclass(kind, _SMALL) for kind in kinds)
    return not is_small and "counted elsewhere" not in it.metadata


def _chars(text: str) -> str:
    return f"<{len(text)} chars>"


@frozen(kw_only=True)
class Output(Event):
    """A piece of the program's output.

    Attributes:
        text: At most ``EVENT_LIMIT_CHARS`` long; never empty.
        replaced: How many U+FFFD of ``text`` stand for bytes that were not UTF-8.
    """

    counts_as_backlog = True

    stream: Stream
    text: str = field(repr=_chars)
    replaced: int = 0

    def note(self, record: Record) -> None:
        record.note_output(self.stream, len(self.text))


@frozen(kw_only=True)
class Queued(Event):
    """The execution waits for ``ahead`` others, or for the context's worker if 0."""

    counts_as_backlog = False

    ahead: int


@frozen(kw_only=True)
class Started(Event):
    """The execution runs now.

    Attributes:
        execution_count: How many executions that count the context has started to run, this one included.
        worker_count: The same, of its present worker.
    """

    counts_as_backlog = False

    execution_count: int = field(default=0, eq=False)
    worker_count: int = field(default=0, eq=False)

    def note(self, record: Record) -> None:
        record.note_begin()


@frozen(kw_only=True)
class Restarted(Event):
    """The execution runs in a new worker: variables of earlier executions are gone."""

    counts_as_backlog = False


@frozen(kw_only=True)
class InputRequest(Event):
    """The code waits in ``input()``, or in ``getpass()`` if ``password``, for its client's answer."""

    counts_as_backlog = True

    prompt: str
    password: bool


@frozen(kw_only=True)
class Raised(Event):
    """The exception that ended the code, or that describes how it was ended; after all output, before ``Finished``."""

    counts_as_backlog = False

    # Counted in Finished: the newest event stays as long as its journal.
    error: Failure = field(metadata=COUNTED_ELSEWHERE)


@frozen(kw_only=True)
class Finished(Event):
    """The last event of an execution.

    Attributes:
        error: The error of ``Raised``; None if the code ended without an exception.
        cause: The daemon's reason for ending it; None if it ended by itself or with its worker.
        reason: The code of ``cause``, by which clients know it.
        found: What a look at the namespace has found.
        files: The files that the code has made or changed; None if its client did not ask, or its Python died.
        execution_count: As in ``Started``; None if it has not run.
        worker_count: Likewise.
    """

    counts_as_backlog = False
    is_last = True

    outcome: Outcome
    error: Failure | None = None
    cause: InterpreterError | None = None
    reason: str | None = field()
    found: Found | None = None
    files: ChangedFiles | None = None
    execution_count: int | None = field(default=None, eq=False)
    worker_count: int | None = field(default=None, eq=False)

    @reason.default
    def _code_of_cause(self) -> str | None:
        return None if self.cause is None else self.cause.code

    def note(self, record: Record) -> None:
        record.note_end(self.outcome, self.error)


@frozen(kw_only=True)
class Gap:
    """Events that a follower missed: their numbers, ``first`` to ``last``, both included."""

    first: int
    last: int


@frozen(kw_only=True)
class Submitted(Event):
    """An execution has been submitted; only followers of its context see this.

    Attributes:
        code: At most ``EVENT_LIMIT_CHARS`` of it; empty if it is a message for a comm.
        cut_chars: How much longer it is.
        silent: As in the request.
        comm: Whether it is a message for a comm.
    """

    counts_as_backlog = False

    code: str = field(repr=_chars)
    origin: str
    cut_chars: int = 0
    silent: bool = False
    comm: bool = False

    @classmethod
    def of(cls, code: str, origin: str, *, silent: bool = False, comm: bool = False) -> Self:
        cut_chars = 0 if comm else max(0, len(code) - EVENT_LIMIT_CHARS)
        code = "" if comm else code[:EVENT_LIMIT_CHARS]
        return cls(code=code, origin=origin, cut_chars=cut_chars, silent=silent, comm=comm)


@frozen(kw_only=True)
class WorkerEnded(Event):
    """The context's Python has ended, and its variables are gone; only followers of the context see this.

    Attributes:
        asked: Whether a client had asked for a new Python instead.
    """

    counts_as_backlog = False

    how: str
    asked: bool = False


@frozen(kw_only=True)
class Happened:
    """An event as followers of a context see it; ``execution_id`` is None for events outside of executions."""

    execution_id: str | None
    event: Event

    @property
    def kept_bytes(self) -> int:
        """See ``Event``."""
        return self.event.kept_bytes

    @property
    def counts_as_backlog(self) -> bool:
        """The program never waits for followers of a context."""
        return False
