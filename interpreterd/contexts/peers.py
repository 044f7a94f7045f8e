"""Keeps the code of isolated contexts from the daemon's own API: over a unix socket, its processes are refused.

A process of such a context that reached the API could make a context without isolation. Where its file system shows it
no socket of the daemon, or its network no port, it does not come as far as this.
"""

import logging
import os
import socket
from collections.abc import Callable, Container
from typing import Final

from interpreterd.processes.lineage import Untraceable, adopts, peer_line

REFUSED: Final = "code that runs in an isolated context may not use the daemon's API"
UNTRACED: Final = (
    "isolated contexts may not use the daemon's API, and it cannot be told whether this connection is one of theirs"
)
_log = logging.getLogger(__name__)


class Peers:
    """Judges the peers of connections.

    A process below the daemon is refused unless it descends from a worker that is not isolated: one whose worker has
    died, or that has left its family by other means, becomes a child of the daemon. In a program that has the daemon's
    application within itself, and children of other kinds, only processes below isolated workers are refused.

    Attributes:
        watches: Whether peers are judged: from the first isolated context on.
    """

    def __init__(self, plain: Callable[[], Container[int]], isolated: Callable[[], Container[int]]) -> None:
        """``plain`` and ``isolated`` return the pids of the workers that run now, of the one kind and the other."""
        self.watches = False
        self._plain = plain
        self._isolated = isolated

    def refusal(self, sock: socket.socket) -> str | None:
        """Return why the peer of a new connection is refused, a sentence for a client; None if it is not."""
        if not self.watches or sock.family != socket.AF_UNIX:
            return None
        try:
            line = peer_line(sock, os.getpid())
        except Untraceable as error:
            _log.warning("a connection is refused while there are isolated contexts: %s", error)
            return f"{UNTRACED}: {error}"
        if not line:
            return None
        plain, isolated = self._plain(), self._isolated()
        if any(pid in isolated for pid in line):
            return REFUSED
        return REFUSED if adopts() and not any(pid in plain for pid in line) else None
