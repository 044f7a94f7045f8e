"""Results and display data, as users of the client have them."""

import binascii
from collections.abc import Mapping
from typing import Any

import orjson
from attrs import field, frozen

from interpreterd.model.displays import Display, Evaluated, Json, Result


@frozen(kw_only=True)
class Shown:
    """One thing that the code has shown, in several representations. Jupyter shows it as it would its own.

    Attributes:
        data: By MIME type: JSON values for types of JSON, text for others; pictures are base64, see ``png``.
        metadata: By MIME type, for example a picture's size.
        execution_count: Of the context, if this is the value of the last expression; None for display data.
        display_id: The name that the code has given to display data, if any.
    """

    data: Mapping[str, Any] = field(repr=lambda data: f"<{', '.join(data)}>")
    metadata: Mapping[str, Any] = field(factory=dict, repr=False)
    execution_count: int | None = None
    display_id: str | None = None

    @classmethod
    def of(cls, event: Result | Display | Evaluated) -> "Shown":
        """Return what ``event`` shows."""
        return cls(
            data={mime: orjson.loads(it.text) if isinstance(it, Json) else it for mime, it in event.data.items()},
            metadata={} if event.metadata is None else orjson.loads(event.metadata.text),
            execution_count=event.execution_count if isinstance(event, Result) else None,
            display_id=event.display_id if isinstance(event, Display) else None,
        )

    @property
    def text(self) -> str:
        """Its ``text/plain``; empty if there is none."""
        return str(self.data.get("text/plain", ""))

    @property
    def html(self) -> str | None:
        """Its HTML."""
        return self.data.get("text/html")

    @property
    def png(self) -> bytes | None:
        """Its picture; None if it has none that can be decoded."""
        return self.binary("image/png")

    def binary(self, mime: str) -> bytes | None:
        """Return a representation as bytes: decoded base64, or the UTF-8 of text such as SVG; None without it."""
        value = self.data.get(mime)
        if not isinstance(value, str):
            return None
        if mime.startswith("text/") or mime.endswith("+xml"):
            return value.encode()
        try:
            return binascii.a2b_base64(value)
        except binascii.Error:  # code can put anything there
            return None

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return dict(self.data), dict(self.metadata)
