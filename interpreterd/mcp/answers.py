"""What a tool answers: blocks of content, the same for programs, and whether the model should act."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen


@frozen
class TextBlock:
    """Text for the model."""

    text: str


@frozen
class PictureBlock:
    """A picture for the model; ``data`` is base64."""

    mime: str
    data: str = field(repr=lambda data: f"<{len(data)} chars>")


@frozen(kw_only=True)
class LinkBlock:
    """Something that is too large to be sent, and that the client may read at ``uri``."""

    uri: str
    name: str
    mime: str
    size_bytes: int


Block = TextBlock | PictureBlock | LinkBlock


@frozen(kw_only=True)
class ToolAnswer:
    """The answer to a tool call.

    Attributes:
        structured: The same for programs, in the form of the tool's output schema.
        is_error: Whether something has failed that the model can do something about; the text says what.
    """

    content: Sequence[Block]
    structured: Mapping[str, Any] | None = None
    is_error: bool = False


class Unusable(Exception):
    """A tool call that cannot be done. Its text is one sentence for the model: what is wrong, and what to do."""


@frozen
class Readable:
    """The content of a resource: text, or base64 of bytes."""

    mime: str
    text: str | None = None
    base64: str | None = field(default=None, repr=False)


def plural(count: int, noun: str) -> str:
    """Return ``1 image``, ``2 images``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
