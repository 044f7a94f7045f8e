"""What a record of an execution tells of its code."""

from typing import Final

from attrs import frozen

from interpreterd.model.digest import digest, utf8_bytes
from interpreterd.model.requests import Execute

FIRST_LINE_LIMIT_CHARS: Final = 200
FIRST_LINE_WITHIN_CHARS: Final = 64 << 10


@frozen
class LongSource:
    """What a record tells of long code, which it does not keep."""

    sha256: str
    first_line: str


@frozen
class ShortSource:
    """Short code. It is kept, as it is no larger than a first line, and what is told of it is computed when needed."""

    code: str

    @property
    def sha256(self) -> str:
        return digest(self.code).sha256

    @property
    def first_line(self) -> str:
        return first_line(self.code)


Source = LongSource | ShortSource


def source_of(request: Execute) -> tuple[Source, int]:
    """Return what a record tells of the code of ``request``, and the length of that code as UTF-8."""
    if len(request.code) <= FIRST_LINE_LIMIT_CHARS:
        return ShortSource(request.code), utf8_bytes(request.code)
    known = request.digest or digest(request.code)
    return LongSource(known.sha256, first_line(request.code)), known.utf8_bytes


def first_line(code: str) -> str:
    """Return the first line of ``code`` that is not blank, at most ``FIRST_LINE_LIMIT_CHARS`` of it.

    It is looked for within ``FIRST_LINE_WITHIN_CHARS``; empty if there is none.
    """
    start = code[:FIRST_LINE_WITHIN_CHARS].removeprefix("\ufeff")
    text = start.lstrip()[: FIRST_LINE_LIMIT_CHARS + 1]
    return text.partition("\n")[0].partition("\r")[0][:FIRST_LINE_LIMIT_CHARS].rstrip()
