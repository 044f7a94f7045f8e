"""Connections of a context to its own servers on this machine, which Landlock's rules, by port alone, forbid.

The context's filter gives each connect(2) to the daemon, seccomp_unotify(2). If a TCP socket is to be connected to this
machine, and everything that listens there is open in a process of the context's family, the daemon connects a socket of
its own, and puts it in the place of the caller's. So the daemon connects what it has judged, whatever the other threads
of the caller do to its memory and descriptors meanwhile. In all other cases the kernel goes on with the call, and
Landlock judges it.

One listener serves a context and its copies (forks, checkpoints), which have its filter. Each of them is a family of
its own: the servers of one are not those of another.

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

from interpreterd.processes.callers import process_of
from interpreterd.processes.families import parent_and_start
from interpreterd.processes.listening import SocketTable, TooMany
from interpreterd.processes.notifications import CallListener, HeldCall
from interpreterd.processes.owners import Owners
from interpreterd.workers.isolation.attempts import Attempt
from interpreterd.workers.isolation.destinations import Destination, destination
from interpreterd.workers.isolation.syscalls import number_of

PORTS_OF_ALL: Final = 1024  # code without privileges has no servers below this one
ATTEMPTS_LIMIT: Final = 32  # of a context, at the same time
_UNITS_OF_A_CALL: Final = 2
_UNITS_OF_A_DECISION: Final = 2
_STEPS_OF_A_UNIT: Final = 16
_PLACED: Final = 1 << 10
_GENERATIONS: Final = 256
_Connection = tuple[int, tuple[str, int], tuple[str, int]]  # a family, and the names of the two ends

_Steps = Generator[None, None, None]


class Loopback:
    """Judges the calls of one context and its copies. ``close`` it when the last of their workers has ended.

    Attributes:
        listener: Where the calls arrive.
        leaving: The workers that may clear the flag of a subreaper now, so that their copies become the daemon's.
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
        """Take over ``listener``, of the family of ``worker``; ``join`` adds those of its copies.

        Calls to ``ports`` are Landlock's to judge. ``start`` runs steps on the event loop. ``rights`` are those to look
        into processes of the family. ``has_room`` says whether the daemon has room for one more attempt.
        """
        self.listener = listener
        self.leaving: set[int] = set()
        self._owners: dict[int, Owners] = {}
        self._rights = rights
        self._prctl = number_of("prctl", os.uname().machine)
        self.attempts: set[Attempt] = set()
        self._ports = ports
        self._table = table
        self._start = start
        self._has_room = has_room
        self._placed: dict[int, _Connection] = {}  # by inode; the oldest is forgotten first
        self._counted = 0.0
        self._unanswered: int | None = None  # the caller was interrupted after it had got this one
        self.join(worker)

    @property
    def work(self) -> float:
        """What it has done so far, in units of some 100 µs of a processor."""
        return self._counted + sum(it.steps for it in self._owners.values()) / _STEPS_OF_A_UNIT

    def join(self, worker: int) -> None:
        """Judge the calls of the family of ``worker``, too: its filter is a copy of the first one's."""
        self._owners[worker] = Owners(worker, self._rights)

    def leave(self, worker: int) -> bool:
        """``worker`` has ended; return whether it was the last. Repeating it changes nothing."""
        if (gone := self._owners.pop(worker, None)) is not None:
            self._counted += gone.steps / _STEPS_OF_A_UNIT
        return not self._owners

    def judge_at_once(self, call: HeldCall) -> bool:
        """End ``call`` if no look at its caller is needed; return whether that is so: it is no connect(2)."""
        if call.kind != self._prctl:
            return False
        self._counted += 1
        if call.thread in self.leaving:
            self.listener.let_through(call)
        else:
            self.listener.answer(call, errno.EPERM)
        return True

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
        owners = self._owners_of(call.thread)
        if not listening and to.port >= PORTS_OF_ALL:  # as without isolation: programs wait for their servers this way
            self.listener.answer(call, errno.ECONNREFUSED)
        elif not listening or owners is None or not (yield from owners.have(found.inode for found in listening)):
            self.listener.let_through(call)
        elif self.listener.is_waiting(call):
            attempt = Attempt(call, to, frozenset(found.inode for found in listening), owners)
            if attempt.is_open and self._may_wait(attempt, all(found.full for found in listening)):
                self.attempts.add(attempt)
                attempt.wait(partial(self._resume, attempt))
            else:
                yield from self._end(attempt)

    def _owners_of(self, thread: int) -> Owners | None:
        """Return those of the family to which the caller belongs; None if it is of none: it has lost its parents."""
        if len(self._owners) == 1:
            return next(iter(self._owners.values()))
        pid = process_of(thread)
        for _ in range(_GENERATIONS):
            if pid <= 1 or pid in self._owners:
                break
            pid, _ = parent_and_start(pid)
        return self._owners.get(pid)

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
        if (accepted := self._table.connected(*ends)) and (yield from attempt.owners.have([accepted])):
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
