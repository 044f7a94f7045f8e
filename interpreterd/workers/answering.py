"""The system calls of a worker's family that wait for the daemon's answer, from its configuration to its end.

A copy of the worker has its filter, and so its listener: the same line answers both, until the last of them has ended.
Until then the first process of their pid namespace stays, too.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from interpreterd.pipe.messages import Configure, Configured, Failed, FromWorker
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.domains import Domain

if TYPE_CHECKING:
    from interpreterd.workers.anchors import Anchor
    from interpreterd.workers.handing import Handed
    from interpreterd.workers.isolation.switchboard import CallLine


class Answering:
    """Takes the listener that a worker sends when it is configured, and answers the calls that arrive there.

    For a worker of which no calls wait, it does nothing, and imports nothing.

    Attributes:
        line: On which its calls are answered.
        anchor: The first process of its pid namespace, if that is another one.
        domain: The worker's.
    """

    def __init__(self, on_failure: Callable[[str], None]) -> None:
        """``on_failure`` is called, with the reason, if calls would wait for answers that do not come."""
        self._on_failure = on_failure
        self._handed: Handed | None = None
        self._ports: frozenset[int] = frozenset()
        self._user: int | None = None
        self._worker = 0
        self.line: CallLine | None = None
        self.anchor: Anchor | None = None
        self.domain = Domain()

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
                self.line, self._worker = answer_calls(listener, worker, self._ports, self._user), worker
            except OSError as error:
                self._on_failure(f"its calls cannot be answered: {error.strerror}")
        elif isinstance(message, Configured):
            self._on_failure("it has sent no listener for its calls")

    def settle(self, first: int | None, parent: int, nursery: Nursery) -> None:
        """The worker is in a pid namespace now, of which ``first`` is the first process, a child of ``parent``."""
        if first is not None:
            from interpreterd.workers.anchors import Anchor

            self.anchor = Anchor(first, parent, nursery)

    def join(self, original: "Answering", worker: int, domain: Domain) -> None:
        """Answer the calls of ``worker`` from now on, a copy of that of ``original``, which is in ``domain``."""
        self.domain = domain
        if original.anchor is not None:
            self.anchor = original.anchor.join()
        if original.line is not None:
            self.line, self._worker = original.line, worker
            self.line.loopback.join(worker)

    @contextlib.contextmanager
    def parting(self) -> Iterator[None]:
        """Let the worker's copies become children of the daemon within the block: a filter forbids it otherwise."""
        leaving = set[int]() if self.line is None else self.line.loopback.leaving
        leaving.add(self._worker)
        try:
            yield
        finally:
            leaving.discard(self._worker)

    def close(self) -> None:
        """Answer no more. Repeating it changes nothing."""
        if self._handed is not None:
            self._handed.close()
        if self.line is not None:
            self.line.leave(self._worker)
        if self.anchor is not None:
            self.anchor.leave()
        self._handed = self.line = self.anchor = None
        self._on_failure = _ignore  # otherwise the worker and this would keep each other


def _ignore(reason: str) -> None: ...
