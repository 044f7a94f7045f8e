"""The channel, shared: any number of threads and event loops wait for messages of the daemon at the same time.

One thread reads the channel for all that wait: the *leader*, mostly the one that waits alone. The others sleep until
they have their answers, or until the leader has its own and makes one of them the next leader. Event loops watch the
channel themselves, and read it while no thread leads.

Whatever a signal handler raises in the main thread, it must not hit the middle of a step: half a message, an answer
that is read and lost. So the main thread makes each step ``alone``, and is interrupted between them, where it waits.
"""

import _signal
import _thread
import os
import select
from sys import _getframe

DISMISSED_MS = 100  # how soon a thread notices that it leads no more, as the execution has ended
_SIGNALS = _signal.valid_signals()
_readers = {}  # the ``Shared`` for which an event loop watches the channel


class Waiter:
    """A place for one answer: of a thread, which sleeps at ``lock``, or of a coroutine, which awaits ``future``."""

    __slots__ = ("answer", "future", "lock", "loop", "number", "poll", "thread")

    def __init__(self, future=None, loop=None):
        self.number = self.answer = self.poll = self.lock = None
        self.future, self.loop, self.thread = future, loop, _thread.get_ident()
        if future is None:
            self.lock = _thread.allocate_lock()
            self.lock.acquire()

    def settle(self, answer):
        """Give it its answer, and wake it."""
        self.answer = answer
        if self.lock is not None:
            self.wake()
            return
        try:
            if self.thread == _thread.get_ident():
                _finish(self.future)
            else:
                self.loop.call_soon_threadsafe(_finish, self.future)
        except RuntimeError:  # the loop is closed
            pass

    def wake(self):
        try:
            self.lock.release()
        except RuntimeError:  # it is awake already
            pass


class Shared:
    """Waits for messages of ``channel``. A subclass has ``take``, which settles waiters by them.

    Attributes:
        waiters: Those that wait, by the number of what they wait for.
        closed: Whether the execution has ended: nobody may read the channel here.
        last: Whether no further message is for this execution.
    """

    def __init__(self, channel):
        self.channel = channel
        self.waiters = {}
        self.closed = self.last = False
        self.pid = os.getpid()
        self._main = _thread.get_ident()
        self._lock = _thread.allocate_lock()
        self._readable = self._poll()
        self._leader = None
        self._loops = {}  # how many coroutines wait in each
        self._noted = False

    def alone(self, step, *arguments):
        """Make a step: no other thread makes one meanwhile, and no signal handler of Python runs in this thread.

        Blocked signals are not enough: another thread may get one, and then its handler runs in the main thread.
        """
        if _thread.get_ident() != self._main:
            with self._lock:
                return step(*arguments)
        mask, handler = _signal.pthread_sigmask(_signal.SIG_BLOCK, ()), _signal.getsignal(_signal.SIGINT)
        try:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
            if handler is not None:
                _signal.signal(_signal.SIGINT, self._note)
            with self._lock:
                return step(*arguments)
        finally:
            try:
                _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            finally:
                if handler is not None:
                    _signal.signal(_signal.SIGINT, handler)
                    if self._noted:
                        self._noted = False
                        if callable(handler):
                            handler(_signal.SIGINT, _getframe())

    def wait(self, waiter):
        """Wait in a thread, as the leader or not, until ``waiter`` has its answer."""
        while waiter.answer is None:
            if self._leader is not waiter and not self.alone(self.lead, waiter):
                waiter.lock.acquire()
            elif waiter.poll.poll(None if waiter.thread == self._main else DISMISSED_MS):
                self.alone(self._read, waiter)

    def lead(self, waiter):
        """Become the leader if there is none; return whether ``waiter`` is it, and has to wait for the channel."""
        if waiter.answer is not None or self.closed or self._leader is not None:
            return False
        self._leader = waiter
        waiter.poll = self._poll()
        if self.channel.has_message():
            self._drain()
            self._leave_if_answered(waiter)
        return waiter.answer is None

    def pass_on(self, waiter):
        """Make another thread the leader, as ``waiter`` waits no more."""
        if self._leader in (None, waiter):
            self._leader = None
            for other in self.waiters.values():
                if other.lock is not None and other is not waiter:
                    other.wake()
                    return

    def watch(self, loop):
        """Let an event loop watch the channel: one more of its coroutines waits."""
        count = self._loops.get(loop, 0)
        self._loops[loop] = count + 1
        if not count:
            _readers[loop] = self
            loop.add_reader(self.channel.fd, self._on_readable)

    def unwatch(self, loop):
        """One of the coroutines waits no more."""
        self._loops[loop] -= 1
        if not self._loops[loop]:
            del self._loops[loop]
            self._remove_reader(loop)

    def settle_all(self, answer):
        """Give all that wait the same answer."""
        waiters, self.waiters = list(self.waiters.values()), {}
        for waiter in waiters:
            waiter.settle(answer)

    def close(self, answer):
        """End all waiting with ``answer``: the execution has ended. SIGINT is only remembered by now."""
        with self._lock:
            self.closed = True
            self._leader = None
            self.settle_all(answer)
        for loop in list(self._loops):
            try:
                if loop.is_running():
                    loop.call_soon_threadsafe(self._remove_reader, loop)
                elif not loop.is_closed():
                    self._remove_reader(loop)
            except Exception:  # a loop of user code, which may do anything
                pass

    def _poll(self):
        poll = select.poll()  # an own one for each thread: only one may use it at a time
        poll.register(self.channel.fd, select.POLLIN)
        return poll

    def _note(self, signal_number, frame):
        self._noted = True

    def _read(self, waiter):
        if self._leader is waiter and self._readable.poll(0):
            self._drain()
            self._leave_if_answered(waiter)

    def _leave_if_answered(self, waiter):
        if waiter.answer is not None:
            self.pass_on(waiter)

    def _drain(self):
        """Take all messages that have come."""
        while not self.last:
            self.take(self.channel.receive(True))
            if not self.channel.has_message():
                return

    def _on_readable(self):
        self.alone(self._read_for_loop)

    def _read_for_loop(self):
        if self._leader is None and not self.closed and self._readable.poll(0):
            self._drain()

    def _remove_reader(self, loop):
        """Let ``loop`` watch the channel no more, unless it does so for a later execution by now."""
        if _readers.get(loop) is self:
            del _readers[loop]
            loop.remove_reader(self.channel.fd)


def _finish(future):
    if not future.done():
        future.set_result(None)
