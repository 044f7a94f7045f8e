"""Keeps the code of isolated contexts from the daemon's own API: over a unix socket, its processes are refused.

A process of such a context that reached the API could make a context without isolation. Where its file system shows it
no socket of the daemon, or its network no port, it does not come as far as this.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from interpreterd.processes.lineage import Untraceable, adopts, is_older, peer_line
from interpreterd.workers.isolation.jails import Place

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
        predecessors: The daemons that this one has replaced, and that have isolated contexts, which may still run.
    """

    def __init__(self, contexts: Callable[[], Iterable[Inhabited]]) -> None:
        """``contexts`` returns all that exist now."""
        self.watches = False
        self.predecessors: tuple[int, ...] = ()
        self._contexts = contexts

    def follow(self, predecessors: Iterable[int]) -> None:
        """Refuse the code that runs in daemons above this one, with the pids ``predecessors``, while they end."""
        self.predecessors = tuple(predecessors)
        self.watches = self.watches or bool(self.predecessors)

    def refusal(self, sock: socket.socket) -> str | None:
        """Return why the peer of a new connection is refused, a sentence for a client; None if it is not."""
        if not self.watches or sock.family != socket.AF_UNIX:
            return None
        own = os.getpid()
        try:
            line = peer_line(sock, own, *(it for it in self.predecessors if is_older(it, own)))
        except Untraceable as error:
            _log.warning("a connection is refused while there are isolated contexts: %s", error)
            return f"{UNTRACED}: {error}"
        if line is None or not line.pids:
            return None
        if line.ancestor != own:
            return REFUSED
        kinds = {it.pid: it.place.info.isolation.is_on for it in self._contexts()}
        found = {kinds[pid] for pid in line.pids if pid in kinds}
        if True in found:
            return REFUSED
        return REFUSED if adopts() and not found else None
