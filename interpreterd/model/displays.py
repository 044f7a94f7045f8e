"""Events of output that is more than text: values, tables, pictures. The meanings are those of Jupyter's messages.

What is shown is a MIME bundle: one thing in several representations, by MIME type. Text is as it is, binary data is
base64, and JSON is kept as text, since its objects may take many times its length.
"""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from interpreterd.model.events import Event, Failure
from interpreterd.model.names import JSON

BUNDLE_LIMIT_BYTES: Final = 16 << 20
"""Of all representations together, binary data not counted as base64."""
ENCODED_LIMIT_BYTES: Final = BUNDLE_LIMIT_BYTES // 3 * 4 + (64 << 10)
"""The same as base64, with room for a note."""


@frozen
class Json:
    """A value as JSON text, which has been checked."""

    text: str = field(repr=lambda text: f"<{len(text)} chars>")


Data = Mapping[str, str | Json]


def weight(data: bytes) -> int:
    """Return how much work it is to read ``data``, which is JSON."""
    return data.count(b",") + data.count(b'"') + 2 * (data.count(b"{") + data.count(b"["))


def is_json(mime: str) -> bool:
    """Return whether the values of this MIME type are JSON."""
    return mime == JSON or mime.endswith("+json")


def size_bytes(data: Data) -> int:
    """Return the length of ``data`` without its MIME types, roughly: a character counts as one byte."""
    return sum(len(value.text if isinstance(value, Json) else value) for value in data.values())


def _types(data: Data) -> str:
    return f"<{', '.join(data)}>"


@frozen(kw_only=True)
class Result(Event):
    """The value of the code's last expression.

    Attributes:
        metadata: A JSON object, or None for an empty one.
        execution_count: How many executions the context has started to run.
    """

    counts_as_backlog = True

    data: Data = field(repr=_types)
    metadata: Json | None = None
    execution_count: int


@frozen(kw_only=True)
class Display(Event):
    """Something that the code shows.

    Attributes:
        display_id: The name by which ``UpdateDisplay`` replaces it.
        page: Whether it is help that the code has asked for, by ``name?``: a front end may show it beside the output.
    """

    counts_as_backlog = True

    data: Data = field(repr=_types)
    metadata: Json | None = None
    display_id: str | None = None
    page: bool = False


@frozen(kw_only=True)
class UpdateDisplay(Event):
    """All display data of the context that has this ``display_id`` changes to ``data``."""

    counts_as_backlog = True

    data: Data = field(repr=_types)
    metadata: Json | None = None
    display_id: str


@frozen(kw_only=True)
class ClearOutput(Event):
    """All output of the execution so far vanishes; if ``wait``, when the next output comes."""

    counts_as_backlog = True

    wait: bool


@frozen(kw_only=True)
class Evaluated(Event):
    """The value of one of ``Execute.expressions``, or the exception that it has raised.

    Attributes:
        name: The client's name for the expression.
        data: Empty if there is an ``error``.
    """

    counts_as_backlog = True

    name: str
    data: Data = field(factory=dict, repr=_types)
    metadata: Json | None = None
    error: Failure | None = None


@frozen(kw_only=True)
class NextInput(Event):
    """The code proposes ``text`` as the next cell, or in the place of its own if ``replace``."""

    counts_as_backlog = True

    text: str = field(repr=lambda text: f"<{len(text)} chars>")
    replace: bool = False
