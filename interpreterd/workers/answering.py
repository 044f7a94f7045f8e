"""The system calls of a worker's family that wait for the daemon's answer, from its configuration to its end."""

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from interpreterd.pipe.messages import Configure, Configured, Failed, FromWorker

if TYPE_CHECKING:
    from interpreterd.workers.handing import Handed


class Answering:
    """Takes the listener that a worker sends when it is configured, and answers the calls that arrive there.

    For a worker of which no calls wait, it does nothing, and imports nothing.
    """

    def __init__(self, on_failure: Callable[[str], None]) -> None:
        """``on_failure`` is called, with the reason, if calls would wait for answers that do not come."""
        self._on_failure = on_failure
        self._handed: Handed | None = None
        self._ports: frozenset[int] = frozenset()
        self._user: int | None = None
        self._end: Callable[[], None] | None = None

    def expect(
        self,
        message: Configure,
        channel: socket.socket,
        transport: asyncio.Transport | None,
        feed: Callable[[bytes], None],
    ) -> None:
        """``message`` is about to be sent; see ``Handed`` for the rest."""
        if message.confine is not None and message.confine.listener and transport is not None:
            from interpreterd.workers.handing import Handed

            self._ports = frozenset(message.confine.landlock.ports or ())
            self._user = message.confine.user
            self._handed = Handed(channel, transport, feed)

    def notice(self, message: FromWorker, worker: int) -> None:
        """``worker`` has sent ``message``: if it is the awaited answer, its calls are answered from now on."""
        if self._handed is None or not isinstance(message, Configured | Failed):
            return
        handed, self._handed = self._handed, None
        handed.stop()
        listener = handed.take()
        if listener is not None:
            from interpreterd.workers.isolation.switchboard import answer_calls

            try:
                self._end = answer_calls(listener, worker, self._ports, self._user)
            except OSError as error:
                self._on_failure(f"its calls cannot be answered: {error.strerror}")
        elif isinstance(message, Configured):
            self._on_failure("it has sent no listener for its calls")

    def close(self) -> None:
        """Answer no more. Repeating it changes nothing."""
        if self._handed is not None:
            self._handed.close()
        if self._end is not None:
            self._end()
        self._handed = self._end = None
        self._on_failure = _ignore  # otherwise the worker and this would keep each other


def _ignore(reason: str) -> None: ...
