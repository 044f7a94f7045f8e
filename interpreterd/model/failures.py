"""Exceptions, as text and in parts: frames with their places, the chain, notes, and CPython's suggestion."""

from typing import Final

from attrs import field, frozen

DESCRIBED_FRAMES_LIMIT: Final = 128  # of one exception
EXCEPTIONS_LIMIT: Final = 32  # in one failure: itself, causes, contexts and parts of groups, at any depth
NOTES_LIMIT: Final = 16


def _chars(text: str) -> str:
    return f"<{len(text)} chars>"


@frozen(kw_only=True)
class Frame:
    """A place in a traceback. What Python does not know is None: before 3.11 it has no columns.

    Attributes:
        file: The name of the file, or of the cell: the code of an execution.
        cell: The number of the context's execution that ran this code, counted from 1: its latest one, if several had
            the same code. None for code that is not a cell's, or is long past.
        line: Counted from 1.
        column: The first character of the place in ``line``, counted from 0, in Unicode code points.
        end_column: The first character after it, in ``end_line``.
        function: Its name; None for the place of a SyntaxError, which happens in no function.
        source: The line, or its beginning.
    """

    file: str
    cell: int | None = None
    line: int | None = None
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None
    function: str | None = None
    source: str | None = field(default=None, repr=lambda text: "None" if text is None else _chars(text))


@frozen(kw_only=True)
class Details:
    """The parts of an exception.

    Attributes:
        frames: The outermost first; of a SyntaxError, the last one is the wrong code.
        omitted_frames: How many are left out, in the middle.
        suggestion: As CPython words it: "Did you mean: 'x'?".
        cause: The exception after ``from``; None also if it is left out.
        context: The exception that was being handled; None also if it is the cause, or is left out.
        suppress_context: Whether a traceback does not show the context.
        exceptions: The parts of an exception group.
    """

    frames: tuple[Frame, ...] = ()
    omitted_frames: int = 0
    notes: tuple[str, ...] = field(default=(), repr=lambda notes: f"<{len(notes)} notes>")
    suggestion: str | None = None
    cause: "Failure | None" = None
    context: "Failure | None" = None
    suppress_context: bool = False
    exceptions: "tuple[Failure, ...]" = ()


_NO_DETAILS: Final = Details()


@frozen(kw_only=True)
class Failure:
    """An exception as text: of user code, or one that describes how the execution was ended.

    Attributes:
        traceback: As CPython prints it; empty if there is none, and for a cause, a context or a part of a group, which
            are in the traceback of the whole.
        details: Its parts; None if they are not known.
    """

    name: str
    value: str = field(repr=_chars)
    traceback: str = field(default="", repr=_chars)
    details: Details | None = field(default=None, repr=False)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """See ``Details``, as for the other parts; empty if they are not known."""
        return self._parts.frames

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes that were added to it."""
        return self._parts.notes

    @property
    def suggestion(self) -> str | None:
        """What CPython suggests, for example ``Did you mean: 'x'?``; None if nothing."""
        return self._parts.suggestion

    @property
    def cause(self) -> "Failure | None":
        """The exception after ``from``."""
        return self._parts.cause

    @property
    def context(self) -> "Failure | None":
        """The exception that was being handled when it was raised."""
        return self._parts.context

    @property
    def suppress_context(self) -> bool:
        """Whether a traceback does not show the context."""
        return self._parts.suppress_context

    @property
    def exceptions(self) -> "tuple[Failure, ...]":
        """The parts of an exception group."""
        return self._parts.exceptions

    @property
    def _parts(self) -> Details:
        return _NO_DETAILS if self.details is None else self.details
