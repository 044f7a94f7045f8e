"""The result of an execution, and the callbacks for its events."""

import importlib
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

from attrs import define, evolve, field, frozen

from interpreterd.client.errors import ClientError
from interpreterd.client.shown import Shown
from interpreterd.model.displays import ClearOutput, Display, Evaluated, Result, UpdateDisplay, size_bytes
from interpreterd.model.events import (
    Event,
    Failure,
    Finished,
    Gap,
    Outcome,
    Output,
    Restarted,
    Stream,
)
from interpreterd.model.files import ChangedFiles
from interpreterd.model.restored import Restored

REPR_LIMIT_CHARS: Final = 200


def shown_failure(failure: Failure) -> str:
    """Return what a terminal shows of an exception: its traceback, or what it is if there is none; ends its line."""
    return (failure.traceback or f"{failure.name}: {failure.value}").rstrip("\n") + "\n"


def _length(text: str) -> str:
    return f"<{len(text)} chars>"


def _beginning(text: str) -> str:
    """Return the first ``REPR_LIMIT_CHARS`` of ``text`` as a literal, and how many follow."""
    more = len(text) - REPR_LIMIT_CHARS
    return repr(text[:REPR_LIMIT_CHARS]) + (f" + <{more} chars>" if more > 0 else "")


def _brief(failure: Failure | None) -> str:
    return "None" if failure is None else _beginning(f"{failure.name}: {failure.value}")


@frozen(kw_only=True)
class Execution:
    """How an execution went.

    ``str`` of it is what a terminal would have shown: the output of both streams in its order, then the traceback.
    ``repr`` shows the first 200 characters of ``stdout`` and of the error.

    Attributes:
        results: The value of the last expression, and what the code has shown, in their order. Updates are applied;
            what the code has cleared is not there.
        outcome: ``completed`` (by itself, also with an exception), ``interrupted``, ``lost`` (its Python ended under
            it), or ``cancelled`` (it never ran). Each is a string, too.
        error: The exception that ended the code, or what says why it was ended; None if there was none.
        reason: Why the daemon ended it, as a code of the table of errors in PROTOCOL.md, such as
            ``execution_timed_out``; None if it ended by itself or with its Python, or if the daemon is too old to say.
        expressions: The values of ``expressions=``, by name; for one that has raised an exception, that exception.
        files: What the code has made or changed below the context's directory: ``files.files`` have ``path`` and
            ``size_bytes``; with ``files.is_cut`` there may be more. None without ``files=True``, or if its Python died.
        restarted: Whether the context got a new Python first: the variables of earlier executions are gone.
        restored: What the context got back first, if it hibernated: ``restored.missing`` names what it could not get.
        cut_chars: How many characters of output are not in ``stdout`` and ``stderr``, since a stream was longer than
            ``output_limit_chars``. Callbacks have seen them.
        missed_events: How many events the daemon had dropped before the client reconnected. It keeps
            ``--journal-bytes`` of them. Neither ``stdout`` nor callbacks have these.
        replaced: How many U+FFFD of the output stand for bytes that were not UTF-8.
    """

    id: str
    context_id: str
    outcome: Outcome
    stdout: str = field(repr=_beginning)
    stderr: str = field(repr=_length)
    error: Failure | None = field(default=None, repr=_brief)
    reason: str | None = None
    files: ChangedFiles | None = None
    restarted: bool = False
    restored: Restored | None = None
    cut_chars: int = 0
    missed_events: int = 0
    replaced: int = 0
    expressions: Mapping[str, Shown | Failure] = field(factory=dict, repr=lambda them: f"<{len(them)}>")
    results: Sequence[Shown] = field(default=(), repr=lambda results: f"<{len(results)}>")
    # By how many characters stdout and stderr went on in turns, the first turn being stdout's.
    _turns: Sequence[int] = field(default=(), repr=False, eq=False)
    _places: Sequence[int] = field(default=(), repr=False, eq=False)
    _cleared_chars: int = field(default=0, repr=False, eq=False)  # of the output, what the code has cleared last

    @property
    def text(self) -> str:
        """What a person would see since the last clearing, in order, with the text of results and displays."""
        shown, seen, printed = "", self._cleared_chars, "".join(self._pieces())
        for place, result in zip(self._places, self.results, strict=False):
            shown += printed[seen:place]
            seen = place
            if result.text:
                shown += ("\n" if shown and not shown.endswith("\n") else "") + result.text.rstrip("\n") + "\n"
        return shown + printed[seen:]

    @property
    def png(self) -> bytes | None:
        """The latest picture among ``results``."""
        return next((png for it in reversed(self.results) if (png := it.png) is not None), None)

    @property
    def html(self) -> str | None:
        """The latest HTML among ``results``."""
        return next((html for it in reversed(self.results) if (html := it.html) is not None), None)

    def _ipython_display_(self) -> None:
        """Show it in Jupyter or IPython as if the code had run there."""
        display: Any = importlib.import_module("IPython.display").display

        print(self.stdout, end="")
        print(self.stderr, end="", file=sys.stderr)
        for result in self.results:
            display(dict(result.data), metadata=dict(result.metadata), raw=True)
        print(self._end(), end="", file=sys.stderr)

    def __str__(self) -> str:
        shown, end = "".join(self._pieces()), self._end()
        return shown + ("\n" if end and shown and not shown.endswith("\n") else "") + end

    def _end(self) -> str:
        """Return what tells how the code ended, as lines; nothing if it completed without an error."""
        if self.error is None:
            return "" if self.outcome is Outcome.COMPLETED else f"the execution was {self.outcome}\n"
        shown = shown_failure(self.error)
        if self.outcome is Outcome.COMPLETED or self.error.name in shown.splitlines()[-1]:
            return shown
        return f"{shown}{self.error.name}: {self.error.value}\n"  # the code's traceback does not say why it was ended

    def _pieces(self) -> Iterator[str]:
        """Yield all output in its order; where that is not known, stdout first."""
        texts, starts = (self.stdout, self.stderr), [0, 0]
        for number, chars in enumerate(self._turns):
            side = number % 2
            yield texts[side][starts[side] : starts[side] + chars]
            starts[side] += chars
        for text, start in zip(texts, starts, strict=True):
            yield text[start:]

    def raise_for_error(self) -> Self:
        """Return itself if the code has completed without an error; else raise ``ExecutionFailed``."""
        if self.error is None and self.outcome is Outcome.COMPLETED:
            return self
        failed = ExecutionFailed(self)
        if self.error is not None and self.error.traceback:
            failed.add_note(self.error.traceback)
        raise failed


class ExecutionFailed(ClientError):
    """An execution ended with an error, or did not complete; only ``Execution.raise_for_error`` raises it.

    The code's own traceback is added as a note, and so Python shows it, too.
    """

    def __init__(self, execution: Execution) -> None:
        super().__init__(execution)
        self.execution = execution

    def __str__(self) -> str:
        error = self.execution.error
        return f"{error.name}: {error.value}" if error is not None else f"the execution was {self.execution.outcome}"


def _has_name(shown: Result | Display, display_id: str) -> bool:
    return isinstance(shown, Display) and shown.display_id == display_id


@define
class _Text:
    pieces: list[str] = field(factory=list)
    chars: int = 0


class Collector:
    """Makes an ``Execution`` of events."""

    def __init__(self, limit_chars: int) -> None:
        """Keep at most ``limit_chars`` of each stream, the beginning, and count the rest."""
        self._limit_chars = limit_chars
        self._texts = {stream: _Text() for stream in Stream}
        self._turns = array("Q", [0])  # see ``Execution``
        self._finished: Finished | None = None
        self._restarted = False
        self._restored: Restored | None = None
        self._missed = 0
        self._replaced = 0
        self._shown: list[Result | Display] = []
        self._places = array("Q")  # after how much kept output each was shown
        self._shown_chars = self._cut_chars = self._cleared_chars = 0
        self._clears_later = False
        self._expressions: dict[str, Shown | Failure] = {}

    def add(self, event: Event | Gap) -> None:
        """Take the next event."""
        match event:
            case Output(stream=stream, text=text, replaced=replaced):
                self._replaced += replaced
                self._clear_at_last()
                self._keep(stream, text)
            case Finished():
                self._finished = event
            case Restarted():
                self._restarted = True
            case Restored():
                self._restored = event
            case Gap(first=first, last=last):
                self._missed += last - first + 1
            case Result() | Display():
                self._clear_at_last()
                self._show(event)
            case Evaluated(name=name, error=error):
                self._expressions[name] = Shown.of(event) if error is None else error
            case UpdateDisplay():
                self._shown = [
                    evolve(it, data=event.data, metadata=event.metadata) if _has_name(it, event.display_id) else it
                    for it in self._shown
                ]
            case ClearOutput(wait=wait):
                self._clears_later = True
                if not wait:
                    self._clear_at_last()
            case _:
                pass

    def _clear_at_last(self) -> None:
        """Forget what was shown, if the code has asked for that."""
        if self._clears_later:
            self._clears_later = False
            self._shown, self._places, self._shown_chars = [], array("Q"), 0
            self._cleared_chars = sum(self._turns)

    def _show(self, event: Result | Display) -> None:
        size = size_bytes(event.data)
        if self._shown_chars + size > self._limit_chars:
            self._cut_chars += size
            return
        self._shown_chars += size
        self._shown.append(event)
        self._places.append(sum(self._turns))

    def _keep(self, stream: Stream, text: str) -> None:
        kept = self._texts[stream]
        piece = text[: max(0, self._limit_chars - kept.chars)]
        kept.chars += len(text)
        if piece:
            kept.pieces.append(piece)
            is_stdouts_turn = len(self._turns) % 2 == 1
            if is_stdouts_turn == (stream is Stream.STDOUT):
                self._turns[-1] += len(piece)
            else:
                self._turns.append(len(piece))

    def result(self, execution_id: str | None, context_id: str) -> Execution:
        """Return the result, after the last event."""
        assert execution_id is not None
        assert self._finished is not None
        return Execution(
            id=execution_id,
            context_id=context_id,
            outcome=self._finished.outcome,
            stdout="".join(self._texts[Stream.STDOUT].pieces),
            stderr="".join(self._texts[Stream.STDERR].pieces),
            error=self._finished.error,
            reason=self._finished.reason,
            files=self._finished.files,
            restarted=self._restarted,
            restored=self._restored,
            expressions=self._expressions,
            results=tuple(map(Shown.of, self._shown)),
            cut_chars=self._cut_chars + sum(max(0, text.chars - self._limit_chars) for text in self._texts.values()),
            missed_events=self._missed,
            replaced=self._replaced,
            turns=self._turns,
            places=self._places,
            cleared_chars=self._cleared_chars,
        )
