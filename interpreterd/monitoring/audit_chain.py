"""The audit log's lines: each is a JSON object that has the hash of the line before it, so that no change goes unseen.

The hash is SHA-256 of a line without its newline, in hexadecimal digits, under the key ``prev``. The first line of all
has ``START``. A cut at the end cannot be seen from the file alone: keep the last hash elsewhere.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import orjson
from attrs import define

START: Final = "0" * 64
PREVIOUS: Final = "prev"
BEGUN: Final = "audit.begun"
LAST_WHOLE: Final = "lastWhole"
"""The key of the hash of the line before a cut one, in the line after that: the cut one may have lost its own."""
LINE_LIMIT_BYTES: Final = 64 << 20


class BrokenChain(Exception):
    """A line does not follow the one before it; names what is wrong with it.

    Attributes:
        line: Its number, from 1.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def line_hash(line: bytes) -> str:
    """Return the hash of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def chained(body: dict[str, Any], previous: str) -> tuple[bytes, str]:
    """Return the line of ``body``, to which that adds ``previous``, the hash of the line before; and its own hash."""
    body[PREVIOUS] = previous
    line = orjson.dumps(body, default=str)
    return line + b"\n", line_hash(line)


@define
class Checked:
    """What a check of lines has found so far.

    Attributes:
        lines: How many there were.
        first: The hash that the first one names; None before it.
        last: The hash of the last one; the next file has to begin with it.
        whole: The hash of the last one that is not cut.
    """

    lines: int = 0
    first: str | None = None
    last: str | None = None
    whole: str | None = None

    def check(self, lines: Iterable[bytes]) -> None:
        """Check the lines of one file, each with its newline, after those of the files before.

        A line that a crash has cut is no JSON; the next one must say that it begins anew after it.

        Raises:
            BrokenChain
        """
        cut: int | None = None
        for number, raw in enumerate(lines, 1):
            line = raw.removesuffix(b"\n")
            body = _object(line)
            if body is None or line == raw:
                if cut is not None:
                    raise BrokenChain(cut, "it is not a JSON object with a hash")
                cut = number
            else:
                if cut is not None and body.get("event") != BEGUN:
                    raise BrokenChain(cut, "it is not a JSON object with a hash")
                if cut is not None and (LAST_WHOLE in body or cut > 1) and body.get(LAST_WHOLE) != self.whole:
                    raise BrokenChain(cut, "the line after it does not name the hash of the line before it")
                cut = None
                self._follow(number, body[PREVIOUS])
                self.whole = line_hash(line)
            self.last = line_hash(line)
            self.lines += 1
        if cut is not None:
            raise BrokenChain(cut, "it is cut, or not a JSON object with a hash")

    def _follow(self, number: int, previous: str) -> None:
        if self.first is None:
            self.first = previous
        if self.last is not None and previous != self.last:
            raise BrokenChain(number, "it does not name the hash of the line before it")


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(line)
    except ValueError:
        return None
    is_one = isinstance(body, dict) and isinstance(body.get(PREVIOUS), str)
    return body if is_one else None
