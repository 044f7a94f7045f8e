"""Who calls a tool: a client keeps its key when it comes back."""

import hashlib
from typing import Final

from attrs import frozen

CALLER_NAME_LIMIT_CHARS: Final = 100


@frozen
class Caller:
    """Who calls a tool.

    Attributes:
        key: The same for all calls of one client, also after it has come back.
        name: As it calls itself.
        home: What it has a context of its own for: a process on stdio, a session over HTTP; None: it has none.
    """

    key: str
    name: str
    home: str | None

    @classmethod
    def of(cls, *parts: str, name: str, home: str | None) -> "Caller":
        """Return a caller whose key is made of ``parts``, which may be secret."""
        printable = "".join(character for character in name if character.isprintable())
        return cls(key_of(*parts), printable[:CALLER_NAME_LIMIT_CHARS] or "unknown", home)


def key_of(*parts: str) -> str:
    """Return 32 digits that tell nothing about ``parts``."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
