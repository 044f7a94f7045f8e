"""Connections of a context to its own servers on this machine, which Landlock's rules, by port alone, forbid.

The context's filter gives each connect(2) to the daemon, seccomp_unotify(2). If a TCP socket is to be connected to this
machine, and everything that listens there is open in a process of the context's family, the daemon connects a socket of
its own, and puts it in the place of the caller's. So the daemon connects what it has judged, whatever the other threads
of the caller do to its memory and descriptors meanwhile. In all other cases the kernel goes on with the call, and
Landlock judges it.

The new socket has the flags of the old one, and TCP_NODELAY. It does not have other options of the old one, the address
to which that was bound, or its place in an epoll(7) set: the daemon cannot see these. It is connected already, also if
the caller would not have waited for that.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from interpreterd.processes.listening import SocketTable, TooMany
from interpreterd.processes.notifications import CallListener, HeldCall
from interpreterd.processes.owners import Owners
from interpreterd.workers.isolation.attempts import Attempt
from interpreterd.workers.isolation.destinations import Destination, destination

PORTS_OF_ALL: Final = 1024  # code without privileges has no servers below this one
ATTEMPTS_LIMIT: Final = 32  # of a context, at the same time
_UNITS_OF_A_CALL: Final = 2
_UNITS_OF_A_DECISION: Final = 2
_STEPS_OF_A_UNIT: Final = 16
_PLACED: Final = 1 << 10
_Connection = tuple[int, tuple[str, int], tuple[str, int]]  # a family, and the names of the two ends

_Steps = Generator[None, None, None]


class Loopback:
    """Judges the calls of one context. ``close`` it when the worker has ended.

    Attributes:
        listener: Where the calls arrive.
        attempts: Connections that are waited for, because the server's queue was full.
    """

    def __init__(
        self,
        listener: CallListener,
        worker: int,
        *,
        ports: frozenset[int],
        table: SocketTable,
        start: Callable[[Iterator[None]], object],
        rights: Callable[[], AbstractContextManager[None]] = nullcontext,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take over ``listener``, of the family of ``worker``.

        Calls to ``ports`` are Landlock's to judge. ``start`` runs steps on the event loop. ``rights`` are those to look
        into processes of the family. ``has_room`` says whether the daemon has room for one more attempt.
        """
        self.listener = listener
        self._owners = Owners(worker, rights)
        self._rights = rights
        self.attempts: set[Attempt] = set()
        self._ports = ports
        self._table = table
        self._start = start
        self._has_room = has_room
        self._placed: dict[int, _Connection] = {}  # by inode; the oldest is forgotten first
        self._counted = 0
        self._unanswered: int | None = None  # the caller was interrupted after it had got this one

    @property
    def work(self) -> float:
        """What it has done so far, in units of some 100 µs of a processor."""
        return self._counted + self._owners.steps / _STEPS_OF_A_UNIT

    def close(self) -> None:
        """Answer no more, and close everything. Repeating it changes nothing."""
        self.listener.close()
        while self.attempts:
            self.attempts.pop().close()

    def look(self, call: HeldCall) -> Destination | None:
        """Return where ``call``, a connect(2), wants to go; None if that is the kernel's to judge.

        For a thread: code that maps and unmaps much memory can hold up a look into it for a second.
        """
        try:
            with self._rights():
                return destination(call, self._ports)
        except OSError:  # the caller has gone, or the daemon may not look
            return None

    def judging(self, call: HeldCall, to: Destination | None) -> _Steps:
        """End ``call``, or make an attempt of it, which ends it later; in short steps. ``look`` has found ``to``."""
        self._counted += _UNITS_OF_A_CALL
        try:
            if to is None or not self.listener.is_waiting(call):
                self.listener.let_through(call)
            elif self._is_connected(to.socket.inode):
                self.listener.answer(call, 0 if to.socket.inode == self._unanswered else errno.EISCONN)
                self._unanswered = None
            else:
                yield from self._decide(call, to)
        except (OSError, TooMany):  # descriptors have run out
            self.listener.let_through(call)

    def _decide(self, call: HeldCall, to: Destination) -> _Steps:
        self._counted += _UNITS_OF_A_DECISION
        listening = self._table.listening(to.address, to.port)
        if not listening and to.port >= PORTS_OF_ALL:  # as without isolation: programs wait for their servers this way
            self.listener.answer(call, errno.ECONNREFUSED)
        elif not listening or not (yield from self._owners.have(found.inode for found in listening)):
            self.listener.let_through(call)
        elif self.listener.is_waiting(call):
            attempt = Attempt(call, to, frozenset(found.inode for found in listening))
            if attempt.is_open and self._may_wait(attempt, all(found.full for found in listening)):
                self.attempts.add(attempt)
                attempt.wait(partial(self._resume, attempt))
            else:
                yield from self._end(attempt)

    def _may_wait(self, attempt: Attempt, full: bool) -> bool:
        """Return whether ``attempt``, which has no answer yet, may be waited for.

        A full queue drops it, and the kernel tries again after a second. A caller that would not wait cannot have a
        socket before it is connected: when the kernel tries again, another server may listen there.
        """
        if full and not attempt.to.waits:
            return False
        if len(self.attempts) >= ATTEMPTS_LIMIT or not self._has_room():
            for other in [other for other in self.attempts if not self.listener.is_waiting(other.call)]:
                self.attempts.remove(other)
                other.close()
        return len(self.attempts) < ATTEMPTS_LIMIT and self._has_room()

    def _resume(self, attempt: Attempt) -> None:
        self.attempts.discard(attempt)
        self._start(self._end(attempt))

    def _end(self, attempt: Attempt) -> _Steps:
        """End the call of ``attempt``, with its socket if that is connected to a server of the family."""
        call = attempt.call
        try:
            if (failure := attempt.failure()) or attempt.is_open:
                self.listener.answer(call, failure or errno.ECONNREFUSED)
            elif (yield from self._reaches_the_family(attempt)):
                self._hand_over(attempt)
            else:
                self.listener.let_through(call)
        except (OSError, TooMany):
            self.listener.let_through(call)
        finally:
            attempt.close()

    def _reaches_the_family(self, attempt: Attempt) -> Generator[None, None, bool]:
        """Return whether ``attempt`` is connected to one of the sockets that were judged before.

        The other end has to be a socket of this machine: a firewall may send connections elsewhere (NAT). As long as
        one of those has listened all the time, no other can have got the connection, unless both share the port by
        SO_REUSEPORT: then it is seen now. If none listens any more, the server's own end is judged. A server that has
        closed that, too, perhaps during the search, can get nothing; if the caller has waited, it may be another one,
        which has sent something.
        """
        ends = attempt.to.family, attempt.there, attempt.here
        if self._table.connected(*ends) is None:
            return False
        listening = {found.inode for found in self._table.listening(attempt.to.address, attempt.to.port)}
        if listening:
            return listening <= attempt.listening
        if (accepted := self._table.connected(*ends)) and (yield from self._owners.have([accepted])):
            return True
        return not attempt.has_waited and self._table.connected(*ends) == 0

    def _hand_over(self, attempt: Attempt) -> None:
        flags = attempt.to.socket.flags
        attempt.socket.setblocking(attempt.to.waits)
        if self.listener.put(attempt.call, attempt.socket.fileno(), attempt.to.descriptor, flags & os.O_CLOEXEC):
            self._placed[attempt.inode] = attempt.to.family, attempt.here, attempt.there
            if len(self._placed) > _PLACED:
                del self._placed[next(iter(self._placed))]
            if not self.listener.answer(attempt.call):
                self._unanswered = attempt.inode  # the call will be made again

    def _is_connected(self, inode: int) -> bool:
        """Return whether ``inode`` is a socket that was put into a caller, and is still connected."""
        connection = self._placed.get(inode)
        if connection is None:
            return False
        with contextlib.suppress(OSError):
            if self._table.connected(*connection) == inode:
                return True
        del self._placed[inode]
        return False
