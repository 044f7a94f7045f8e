"""The system calls of a worker's family that wait for the daemon's answer, from its configuration to its end."""

import asyncio
import socket
from collections.abc import Callable, Iterable

from interpreterd.workers.handing import Handed
from interpreterd.workers.isolation.switchboard import answer_calls


class Answering:
    """Takes the listener that a worker sends when it is configured, and answers the calls that arrive there."""

    def __init__(
        self,
        channel: socket.socket,
        transport: asyncio.Transport,
        feed: Callable[[bytes], None],
        ports: Iterable[int],
    ) -> None:
        """Wait for the listener; see ``Handed``. Connections to ``ports`` are not the daemon's to make."""
        self._handed = Handed(channel, transport, feed)
        self._ports = frozenset(ports)
        self._end: Callable[[], None] | None = None
        self._began = False

    def begin(self, worker: int, *, configured: bool) -> str | None:
        """``worker`` has answered whether it is ``configured``; return why its calls cannot be answered, or None.

        Only the first answer counts.
        """
        if self._began:
            return None
        self._began = True
        self._handed.stop()
        listener = self._handed.take()
        if listener is None:
            return "it has sent no listener for its calls" if configured else None
        try:
            self._end = answer_calls(listener, worker, self._ports)
        except OSError as error:
            return f"its calls cannot be answered: {error.strerror}"
        return None

    def close(self) -> None:
        """Answer no more. Repeating it changes nothing."""
        self._handed.close()
        if self._end is not None:
            self._end()
