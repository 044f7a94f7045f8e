"""The calls of all contexts, answered in turn: a context that makes calls without end waits, and nothing else does."""

import asyncio
import contextlib
import logging
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from attrs import define

from interpreterd.processes.budget import Budget
from interpreterd.processes.listening import SocketTable
from interpreterd.processes.notifications import CallListener, HeldCall
from interpreterd.processes.slices import Slices
from interpreterd.workers.isolation.destinations import Destination
from interpreterd.workers.isolation.loopback import Loopback
from interpreterd.workers.isolation.tracing import rights_to_look

LOOKERS: Final = 4  # threads that look into callers; a context has one of them at a time
TURN_LIMIT: Final = 8  # calls in a turn of the event loop, of all contexts together
WORK_PER_S, WORK_BURST = 4000.0, 1000.0  # of a context, in the units of ``Loopback.work``
ALL_WORK_PER_S, ALL_WORK_BURST = 8000.0, 2000.0
ALL_ATTEMPTS_LIMIT: Final = 512  # of all contexts, at the same time
_log = logging.getLogger(__name__)


@define(eq=False)
class CallLine:
    """The calls of one context and its copies; they are answered one after the other."""

    loopback: Loopback
    fd: int
    budget: Budget
    close: Callable[[], None] = lambda: None
    paid: float = 0.0
    events: int = select.EPOLLIN
    timer: asyncio.TimerHandle | None = None

    def leave(self, worker: int) -> None:
        """``worker`` has ended: with the last one the line ends. Repeating it changes nothing."""
        if self.loopback.leave(worker):
            self.close()


_boards: dict[asyncio.AbstractEventLoop, "Switchboard"] = {}


def answer_calls(fd: int, worker: int, ports: frozenset[int], user: int | None = None) -> CallLine:
    """Answer the calls of one more context on the running event loop: see ``Switchboard.add``; ``user`` is its own.

    All contexts share a switchboard, which is there as long as one of them is. Raises OSError; then ``fd`` is closed.
    """
    loop, listener = asyncio.get_running_loop(), CallListener(fd)
    try:
        if loop not in _boards:
            _boards[loop] = Switchboard(on_idle=lambda: _boards.pop(loop).close())
        return _boards[loop].add(listener, worker, ports, rights_to_look(user))
    except BaseException:
        listener.close()
        raise


class Switchboard:
    """Answers the calls of contexts on the running event loop, at most ``TURN_LIMIT`` in one turn of it.

    The calls of a context make at most ``WORK_PER_S``, those of all contexts at most ``ALL_WORK_PER_S``. Calls beyond
    that wait, as their callers do.
    """

    def __init__(self, on_idle: Callable[[], None] = lambda: None) -> None:
        """Call ``on_idle`` when the last line has ended.

        Raises OSError if there are no descriptors left.
        """
        self._epoll = select.epoll()
        self._table = SocketTable()
        self._slices = Slices()
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix="calls")
        self._lines: dict[int, CallLine] = {}
        self._budget = Budget(ALL_WORK_PER_S, ALL_WORK_BURST)
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False
        self._on_idle = on_idle
        self._listen()

    def close(self) -> None:
        """End all lines, and listen no more. Repeating it changes nothing."""
        if self._closed:
            return
        self._closed = True
        for line in list(self._lines.values()):
            self._end(line)
        if self._pause is None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
        else:
            self._pause.cancel()
        self._epoll.close()
        self._table.close()
        self._lookers.shutdown(wait=False, cancel_futures=True)

    def add(
        self,
        listener: CallListener,
        worker: int,
        ports: frozenset[int],
        rights: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> CallLine:
        """Answer the calls at ``listener`` for the family of ``worker``, until that has left the line.

        ``rights`` are those to look into processes of the family.

        Takes over ``listener``, and closes it at the end, or when no process can make such calls any more. Calls to
        ``ports`` are let through. Raises OSError: ``listener`` is none.
        """
        loopback = Loopback(
            listener,
            worker,
            ports=ports,
            table=self._table,
            start=self._slices.start,
            rights=rights,
            has_room=lambda: sum(len(line.loopback.attempts) for line in self._lines.values()) < ALL_ATTEMPTS_LIMIT,
        )
        fd = listener.fileno()
        line = CallLine(loopback, fd, Budget(WORK_PER_S, WORK_BURST))
        line.close = partial(self._end, line)
        try:
            self._epoll.register(fd, select.EPOLLIN)
        except OSError:
            loopback.close()
            if not self._lines:
                self._on_idle()
            raise
        self._lines[fd] = line
        return line

    def _end(self, line: CallLine) -> None:
        if self._lines.get(line.fd) is line:
            del self._lines[line.fd]
            with contextlib.suppress(OSError):
                self._epoll.unregister(line.fd)
            if line.timer is not None:
                line.timer.cancel()
            line.loopback.close()
            if not self._lines:
                self._on_idle()

    def _listen(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._take)

    def _take(self) -> None:
        """Answer the calls of this turn, one of each context; the kernel names other contexts in the next turn."""
        loop = asyncio.get_running_loop()
        for fd, events in self._epoll.poll(0, TURN_LIMIT):
            if (line := self._lines.get(fd)) is None:
                continue
            if events & select.EPOLLIN:
                self._answer(line)
            else:
                self._end(line)  # no process is left
        if not self._closed and (wait_s := self._budget.wait_s()) > 0:
            loop.remove_reader(self._epoll.fileno())
            self._pause = loop.call_later(wait_s, self._listen)

    def _answer(self, line: CallLine) -> None:
        call = line.loopback.listener.receive()
        if call is None:
            return
        if line.loopback.judge_at_once(call):
            self._pay(line)
            return
        try:
            looking = asyncio.get_running_loop().run_in_executor(self._lookers, line.loopback.look, call)
        except RuntimeError:  # no room for a thread
            line.loopback.listener.let_through(call)
            return
        self._watch(line, 0)
        looking.add_done_callback(partial(self._looked, line, call))

    def _looked(self, line: CallLine, call: HeldCall, looking: "asyncio.Future[Destination | None]") -> None:
        if self._lines.get(line.fd) is line:
            if (failure := looking.exception()) is not None:
                _log.error("the caller of a call could not be looked at", exc_info=failure)
            to = None if failure else looking.result()
            work = self._slices.start(line.loopback.judging(call, to))
            if work.done():
                self._rest(line, work)
            else:
                work.add_done_callback(partial(self._rest, line))

    def _rest(self, line: CallLine, work: "asyncio.Future[None]") -> None:
        """Go on with the next call of ``line``, as soon as it may have one."""
        if (failure := work.exception()) is not None:
            _log.error("a call of a context could not be judged", exc_info=failure)
        self._pay(line)

    def _pay(self, line: CallLine) -> None:
        cost = line.loopback.work - line.paid
        line.paid += cost
        line.budget.spend(cost)
        self._budget.spend(cost)
        if self._lines.get(line.fd) is not line:
            return
        if (wait_s := line.budget.wait_s()) > 0:
            self._watch(line, 0)
            line.timer = asyncio.get_running_loop().call_later(wait_s, self._watch, line, select.EPOLLIN)
        else:
            self._watch(line, select.EPOLLIN)

    def _watch(self, line: CallLine, events: int) -> None:
        if events != line.events:
            line.events = events
            self._epoll.modify(line.fd, events)
