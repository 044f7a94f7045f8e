"""The daemon's messages to one worker: in order, and long ones in pieces, so that they hold up no other work.

Encoding the code of an execution takes up to some 60 ms, during which no other code can run in the daemon.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from interpreterd.model.functions import OUTSTANDING_LIMIT, VALUE_LIMIT_BYTES
from interpreterd.pipe import encoders
from interpreterd.pipe.calls import CancelCall, Raise, Return
from interpreterd.pipe.encoders import PIECE_CHARS
from interpreterd.pipe.messages import Answer, ToWorker

ANSWERS_LIMIT_BYTES: Final = 1 << 20  # to questions
# An honest worker may leave the answers to all its open calls unread while its code computes.
CALLS_LIMIT_BYTES: Final = OUTSTANDING_LIMIT * VALUE_LIMIT_BYTES + (1 << 20)
_REST_CHARS: Final = 64  # the rest of a message besides its text, roughly


class Outbox:
    """Writes messages to a channel: a short one at once, a long one piece by piece, each in a turn of the event loop.

    A piece is made when the channel has room for it. Messages that are sent meanwhile wait, and are not limited here.
    """

    def __init__(self, channel: asyncio.WriteTransport, on_flood: Callable[[], object]) -> None:
        """Write to ``channel``, whose protocol calls ``pause`` and ``resume``; see ``takes`` for ``on_flood``."""
        self._channel = channel
        self._on_flood = on_flood
        self._waiting: deque[tuple[Iterator[bytes], int]] = deque()
        self._waiting_chars = 0
        self._paused = False
        self._turn: asyncio.Handle | None = None

    @property
    def size(self) -> int:
        """The amount that the worker has not read, roughly: in bytes, or in characters of unencoded text."""
        return self._waiting_chars + self._channel.get_write_buffer_size()

    def takes(self, message: ToWorker) -> bool:
        """Return whether there is room for ``message``, as far as the worker causes it.

        The worker is bound to read answers: those to questions are dropped beyond ``ANSWERS_LIMIT_BYTES``, and beyond
        ``CALLS_LIMIT_BYTES`` of those to calls ``on_flood`` is called soon.
        """
        if isinstance(message, Answer):
            return self.size <= ANSWERS_LIMIT_BYTES
        if isinstance(message, Return | Raise | CancelCall) and self.size > CALLS_LIMIT_BYTES:
            asyncio.get_running_loop().call_soon(self._on_flood)
            return False
        return True

    def send(self, message: ToWorker) -> None:
        """Write ``message`` after earlier ones; without effect once the channel closes."""
        if self._channel.is_closing():
            return
        chars = len(encoders.text_of(message))
        if chars <= PIECE_CHARS and not self._waiting:
            self._channel.write(encoders.encode(message))
            return
        chars += _REST_CHARS
        self._waiting.append((encoders.encode_in_pieces(message), chars))
        self._waiting_chars += chars
        if self._turn is None:
            self._go_on_soon()

    def pause(self) -> None:
        """The channel has no more room for now."""
        self._paused = True

    def resume(self) -> None:
        """The channel has room again."""
        self._paused = False
        if self._waiting and self._turn is None:
            self._go_on_soon()

    def close(self) -> None:
        """Drop the waiting messages."""
        self._waiting.clear()
        self._waiting_chars = 0
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _go_on_soon(self) -> None:
        self._turn = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if self._paused or self._channel.is_closing():
            return
        pieces, chars = self._waiting[0]
        piece = next(pieces, None)
        if piece is not None:
            self._channel.write(piece)
        else:
            self._waiting.popleft()
            self._waiting_chars -= chars
        if self._waiting:
            self._go_on_soon()
