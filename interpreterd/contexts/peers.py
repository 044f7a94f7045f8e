"""Keeps the code of isolated contexts from the daemon's own API: over a unix socket, its processes are refused.

A process of such a context that reached the API could make a context without isolation. Where its file system shows it
no socket of the daemon, or its network no port, it does not come as far as this.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from interpreterd.processes.lineage import Untraceable, adopts, peer_line
from interpreterd.workers.isolation.isolator import Place

REFUSED: Final = "code that runs in an isolated context may not use the daemon's API"
UNTRACED: Final = (
    "isolated contexts may not use the daemon's API, and it cannot be told whether this connection is one of theirs"
)
_log = logging.getLogger(__name__)


class Inhabited(Protocol):
    """A context, and its worker's pid; None without one."""

    @property
    def pid(self) -> int | None: ...
    @property
    def place(self) -> Place: ...


class Peers:
    """Judges the peers of connections.

    A process below the daemon is refused unless it descends from a worker that is not isolated: one whose worker has
    died, or that has left its family by other means, becomes a child of the daemon. In a program that has the daemon's
    application within itself, and children of other kinds, only processes below isolated workers are refused.

    Attributes:
        watches: Whether peers are judged: from the first isolated context on.
    """

    def __init__(self, contexts: Callable[[], Iterable[Inhabited]]) -> None:
        """``contexts`` returns all that exist now."""
        self.watches = False
        self._contexts = contexts

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
        kinds = {it.pid: it.place.info.isolation.is_on for it in self._contexts()}
        found = {kinds[pid] for pid in line if pid in kinds}
        if True in found:
            return REFUSED
        return REFUSED if adopts() and not found else None
