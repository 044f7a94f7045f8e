"""Gathers the events of an execution into what a model gets of it, in bounded memory."""

import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from attrs import frozen

from interpreterd.mcp.answers import Block, LinkBlock, PictureBlock, TextBlock
from interpreterd.mcp.folding import Folding, HeadAndTail
from interpreterd.mcp.tables import best_text
from interpreterd.model.displays import ClearOutput, Display, Json, Result, UpdateDisplay
from interpreterd.model.events import (
    Event,
    Failure,
    Finished,
    Gap,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Restarted,
    Started,
)

IMAGES_AT_ONCE: Final = 4
IMAGES_KEPT: Final = 20  # of one call; later ones are counted
IMAGES_KEPT_CHARS: Final = 32 << 20  # of one call, as base64 or as text; a picture that has no room is counted
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
LINKED: Final = (*PICTURES, "image/svg+xml", "application/pdf")
ERROR_LIMIT_CHARS: Final = 2000


@frozen(kw_only=True)
class Shape:
    """How much a model gets of one call."""

    output_chars: int = 30_000
    image_bytes: int = 256 << 10


@frozen
class Shot:
    """A picture that code has shown: base64, or the text of an SVG."""

    mime: str
    data: str
    size_bytes: int
    display_id: str | None


class Gathered:
    """The events of an execution that one call has seen.

    Attributes:
        finished: The last event, once it has come.
        ahead: Behind how many others the code waits for its turn; None once it has begun.
        restarted: Whether the variables of earlier executions are gone.
        missed_events: How many events the daemon no longer has.
        shots: The pictures, at most ``IMAGES_KEPT`` with ``IMAGES_KEPT_CHARS``.
    """

    def __init__(self, shape: Shape, *, offset: int | None = None) -> None:
        """Gather in ``shape``. With ``offset``, leave out so many characters, and of the rest keep the beginning."""
        self.finished: Finished | None = None
        self.ahead: int | None = None
        self.restarted = False
        self.missed_events = 0
        self.shots: list[Shot] = []
        self._shape = shape
        self._offset = offset
        self._begin()

    def _begin(self) -> None:
        self._folding = Folding()
        self._texts: HeadAndTail | Page
        limit = self._shape.output_chars
        self._texts = HeadAndTail(limit) if self._offset is None else Page(self._offset, limit)
        self._named: dict[str, str] = {}
        self._clears_later = False
        self._images_dropped = 0
        self.shots = []

    @property
    def cut_chars(self) -> int:
        """How many characters of output the model does not get."""
        return self._texts.cut_chars

    @property
    def page_end(self) -> int | None:
        """Where the page ends, in characters of the output; None if it is no page."""
        return None if self._offset is None else self._offset + self._shape.output_chars

    @property
    def is_full(self) -> bool:
        """Whether it is a page that takes no more."""
        return isinstance(self._texts, Page) and self._texts.is_full

    @property
    def last_line(self) -> str:
        """The last line of output so far."""
        return self._folding.last_line

    def add(self, event: Event | Gap) -> None:
        """Take the next event."""
        match event:
            case Output(text=text):
                self._clear_at_last()
                self._texts.add(self._folding.feed(text))
            case Result() | Display():
                self._clear_at_last()
                self._show(event.data, event.display_id if isinstance(event, Display) else None)
            case UpdateDisplay():
                self.shots = [shot for shot in self.shots if shot.display_id != event.display_id]
                self._show(event.data, event.display_id)
            case ClearOutput(wait=wait):
                self._clears_later = True
                if not wait:
                    self._clear_at_last()
            case Queued(ahead=ahead):
                self.ahead = ahead
            case Started():
                self.ahead = None
            case Restarted():
                self.restarted = True
            case Gap(first=first, last=last):
                self.missed_events += last - first + 1
            case InputRequest(prompt=prompt):
                self._line(prompt)
            case Finished():
                self.finished = event
            case _:
                pass

    def _clear_at_last(self) -> None:
        if self._clears_later:
            self._begin()

    def _show(self, data: Mapping[str, Any], display_id: str | None) -> None:
        mime = next((it for it in LINKED if isinstance(data.get(it), str)), None)
        shot = None if mime is None else _shot(mime, data[mime], display_id)
        if shot is not None:
            kept = sum(len(it.data) for it in self.shots)
            if len(self.shots) == IMAGES_KEPT or kept + len(shot.data) > IMAGES_KEPT_CHARS:
                self._images_dropped += 1
            else:
                self.shots.append(shot)
            return
        text = best_text({key: value for key, value in data.items() if not isinstance(value, Json)})
        if not text and (found := next((it for it in data.values() if isinstance(it, Json)), None)):
            text = orjson.dumps(orjson.loads(found.text), option=orjson.OPT_INDENT_2).decode()
        if display_id is not None and (display_id in self._named or len(self._named) < IMAGES_KEPT):
            self._named[display_id] = text[: self._shape.output_chars]
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        """Add ``text`` as lines of its own."""
        begin = "\n" if self._folding.is_within_line else ""
        self._texts.add(self._folding.feed(begin + text.rstrip("\n") + "\n"))

    def text(self, mark: str) -> str:
        """Return the output so far, and the error; ``mark`` as in ``HeadAndTail.text``. More events must not follow."""
        for named in self._named.values():
            self._line(named)
        error = None if self.finished is None else self.finished.error
        if error is not None and (told := _told(error)):
            self._line(told)
        self._texts.add(self._folding.rest())
        return self._texts.text(mark)

    def pictures(self, keep: Callable[[Shot], str]) -> list[Block]:
        """Return the pictures: small ones, a few, as they are; ``keep`` the others, and link to the URI it returns."""
        blocks: list[Block] = []
        sent = 0
        for place, shot in enumerate(self.shots):
            is_small = shot.size_bytes <= self._shape.image_bytes and shot.mime in PICTURES
            if is_small and sent < IMAGES_AT_ONCE:
                blocks.append(PictureBlock(shot.mime, shot.data))
                sent += 1
            else:
                uri = keep(shot)
                size = f"{shot.size_bytes / 1024:,.0f} KiB" if shot.size_bytes >= 1024 else f"{shot.size_bytes} bytes"
                why = "too large to be shown" if not is_small else "not shown, since there are many"
                said = f"[image {place + 1}: {shot.mime}, {size}, {why}; it is the resource {uri}]"
                blocks.append(TextBlock(said))
                blocks.append(LinkBlock(uri=uri, name=f"image {place + 1}", mime=shot.mime, size_bytes=shot.size_bytes))
        if self._images_dropped:
            blocks.append(TextBlock(f"[{self._images_dropped} more images were dropped: show fewer at once]"))
        return blocks


class Page:
    """A piece from the middle of a text; see ``HeadAndTail``, of which it has the methods."""

    def __init__(self, offset: int, limit_chars: int) -> None:
        self._skip = offset
        self._room = limit_chars
        self._pieces: list[str] = []
        self.cut_chars = 0

    @property
    def is_full(self) -> bool:
        """Whether more text would be cut."""
        return self._room == 0

    def add(self, text: str) -> None:
        """Take the next piece of the text."""
        skipped = min(self._skip, len(text))
        self._skip -= skipped
        taken = text[skipped : skipped + self._room]
        self._room -= len(taken)
        self._pieces.append(taken)
        self.cut_chars += len(text) - skipped - len(taken)

    def text(self, mark: str) -> str:
        """Return the piece, and ``mark`` if more follows."""
        return "".join(self._pieces) + ("\n" + mark.format(f"{self.cut_chars:,}") if self.cut_chars else "")


def _shot(mime: str, data: str, display_id: str | None) -> Shot | None:
    if mime == "image/svg+xml":
        return Shot(mime, data, len(data.encode("utf-8", "replace")), display_id)
    data = "".join(data.split())
    try:
        return Shot(mime, data, len(binascii.a2b_base64(data)), display_id)
    except binascii.Error:  # code can put anything there
        return None


def _told(error: Failure) -> str:
    """Return the traceback, or what it is if there is none."""
    return (error.traceback or f"{error.name}: {error.value}").rstrip("\n")


def status_line(finished: Finished | None) -> str:
    """Return a line that says how the execution has ended, if that is not plain from the rest; else an empty one."""
    if finished is None or finished.outcome is Outcome.COMPLETED:
        return ""
    value = "" if finished.error is None else f": {finished.error.value}"
    more = {
        Outcome.INTERRUPTED: "variables are kept" if "lost" not in value else "",
        Outcome.LOST: "variables are lost; the next call starts a new Python",
    }.get(finished.outcome, "")
    return f"[{finished.outcome}{value}{'; ' + more if more else ''}]"


def failure_json(finished: Finished | None) -> dict[str, str] | None:
    """Return the error for programs."""
    error = None if finished is None else finished.error
    if error is None:
        return None
    return {"name": error.name[:ERROR_LIMIT_CHARS], "value": error.value[:ERROR_LIMIT_CHARS]}
