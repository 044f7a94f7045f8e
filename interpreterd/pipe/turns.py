"""The order between stdout, stderr and the display pipe, without I/O.

A Python process that changes from one pipe to another first writes a *mark* into each pipe: at the end of its
output on the first, and at the beginning of its output on the second::

    0xFF  secret (16 characters)  "<" for an end, else a beginning  writer, number (8 hex digits each)

Both marks have one number, which a writer counts from 1. A beginning names the pipe of the end: ``>`` is the other
stream, ``0`` the display pipe, ``1`` stdout, ``2`` stderr. So output after a beginning comes after all output before
the end with that number, whatever process wrote it. A mark is written whole, since it is shorter than PIPE_BUF
(pipe(7)), and no UTF-8 text has a byte 0xFF. Code that knows the secret, which is the worker's own, can disturb the
order of the worker's own output, and nothing else.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from interpreterd.model.events import Stream

SECRET_CHARS: Final = 16
_END: Final = b"<"
_DETAILS_CHARS: Final = 17
MARK_BYTES: Final = 1 + SECRET_CHARS + _DETAILS_CHARS
WRITERS_LIMIT: Final = 64  # their latest end is known; a forgotten writer costs a look, or its order once
LOOK_STEPS: Final = 16
DISPLAY: Final = "display"
# Output data that comes after other output has a mark. So without a mark it comes first: see ``worker/streams.py``.
PIPES: Final[tuple[str, ...]] = (DISPLAY, Stream.STDOUT, Stream.STDERR)
Read = Callable[[str], bytes]
_AFTER: Final[Mapping[tuple[bytes, str], str]] = {
    (b">", Stream.STDOUT): Stream.STDERR,
    (b">", Stream.STDERR): Stream.STDOUT,
    **{(sign, pipe): after for pipe in PIPES for sign, after in zip((b"0", b"1", b"2"), PIPES, strict=True)},
}
_Mark = tuple[str | None, int, int]  # for a beginning, the pipe of the end; the writer; the number


class Turns:
    """Puts the output of all ``PIPES`` of a worker into the order in which it was written."""

    def __init__(self, deliver: Callable[[str, bytes], None]) -> None:
        """Call ``deliver`` with each piece and its pipe, in order; none is empty."""
        self._deliver = deliver
        self._start: bytes | None = None
        self._pieces: dict[str, deque[tuple[_Mark | None, bytes]]] = {pipe: deque() for pipe in PIPES}
        self._ended: dict[tuple[int, str], int] = {}  # by writer and pipe, the latest end that has been read
        self._steps = 0

    def use(self, secret: str) -> None:
        """Recognise the marks of this worker from now on. Until then nothing is a mark."""
        self._start = b"\xff" + secret.encode()

    def missing_bytes(self, data: bytes) -> int:
        """Return how many bytes of a mark are missing at the end of ``data``; the pipe has them, or it is no mark."""
        if self._start is not None and (start := data.find(b"\xff", max(0, len(data) - MARK_BYTES + 1))) >= 0:
            begun = data[start:]
            if self._start.startswith(begun) or begun.startswith(self._start):
                return MARK_BYTES - len(begun)
        return 0

    def add(self, pipe: str, data: bytes) -> None:
        """Take data that was read, which does not end within a mark."""
        pieces = self._pieces[pipe]
        # One byte, which no text has, is found many times as fast as several bytes.
        if self._start is None or b"\xff" not in data or self._start not in data:
            pieces.append((None, data))
            return
        first, *others = data.split(self._start)
        pieces.append((None, first))
        for other in others:
            mark = _mark(other[:_DETAILS_CHARS], pipe)
            pieces.append((mark, other if mark is None else other[_DETAILS_CHARS:]))

    def deliver(self, read: Read, limit: int | None = None) -> bool:
        """Deliver the added data; return False if that was not all, after ``limit`` steps.

        ``read`` returns all data of a pipe, which does not end within a mark. It is called when added data comes after
        an end that has not been read yet, and counts as ``LOOK_STEPS``. If that end is not there, an interrupt came
        between, or code has forged a mark.
        """
        self._steps = 0
        while waiting := [pipe for pipe in PIPES if self._pieces[pipe]]:
            if limit is not None and self._steps >= limit:
                return False
            if sum(self._advance(pipe, limit) for pipe in waiting) == 0:
                self._look_for_an_end(waiting, read)
        return True

    def _advance(self, pipe: str, limit: int | None) -> int:
        """Deliver what does not wait for an end; return how many steps that took."""
        pieces = self._pieces[pipe]
        before = self._steps
        while pieces and not self._waits(pieces[0][0]) and (limit is None or self._steps < limit):
            self._steps += 1
            mark, piece = pieces.popleft()
            if mark is not None and mark[0] is None:
                self._pass(pipe, *mark[1:])
            if piece:
                self._deliver(pipe, piece)
        return self._steps - before

    def _waits(self, mark: _Mark | None) -> bool:
        return mark is not None and mark[0] is not None and self._ended.get((mark[1], mark[0]), 0) < mark[2]

    def _pass(self, pipe: str, writer: int, number: int) -> None:
        self._ended.pop((writer, pipe), None)  # so that the latest writer is the last
        self._ended[writer, pipe] = number
        if len(self._ended) > WRITERS_LIMIT:
            del self._ended[next(iter(self._ended))]

    def _look_for_an_end(self, waiting: list[str], read: Read) -> None:
        self._steps += LOOK_STEPS
        for pipe in waiting:
            mark, _ = self._pieces[pipe][0]
            if mark is not None and mark[0] is not None and (data := read(mark[0])):
                self.add(mark[0], data)
                return
        mark, _ = self._pieces[waiting[0]][0]
        assert mark is not None
        assert mark[0] is not None
        self._pass(mark[0], mark[1], mark[2])


def _mark(details: bytes, pipe: str) -> _Mark | None:
    """Return the contents of a mark, or None if it is no mark."""
    try:
        numbers = bytes.fromhex(details[1:].decode("ascii"))
    except ValueError:
        return None
    if len(numbers) * 2 != _DETAILS_CHARS - 1:
        return None
    after = _AFTER.get((details[:1], pipe))
    if after is None and details[:1] != _END:
        return None
    return after, int.from_bytes(numbers[:4], "big"), int.from_bytes(numbers[4:], "big")
