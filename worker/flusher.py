"""A thread that shows partial lines, and sleeps most of the time."""

import _signal
import _thread
import os
from time import sleep

FLUSH_AFTER_S = 0.05
SIGNALS = (_signal.SIGINT, _signal.SIGCONT, _signal.SIGURG)  # of an interrupt


def undisturbed(change):
    """Call ``change()`` while interrupts have to wait: a KeyboardInterrupt in the middle would leave it half done."""
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
    try:
        change()
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


class Flusher:
    """Flushes stdout once, ``FLUSH_AFTER_S`` after ``wake()``, from a thread that exists only when it is needed.

    The thread ends before every ``os.fork()``: a child must not inherit a lock that it holds, and from 3.12 on Python
    warns when a process with two threads forks.

    The thread and the variables that describe it change together: ``wake`` and ``end`` hold interrupts back.
    """

    def __init__(self, flush):
        """``flush()`` returns whether it flushed; if not, it is called again ``FLUSH_AFTER_S`` later."""
        self._flush = flush
        self._awake = self._stop = self._ended = self._native_id = None
        self._asleep = self._running = False

    def wake(self):
        if self._asleep or not self._running:
            undisturbed(self._wake)

    def _wake(self):
        if not self._running:
            self._start()
        elif self._asleep:
            self._asleep = False
            self._release(self._awake)

    def _start(self):
        self._awake, self._stop, self._ended = (_thread.allocate_lock() for _ in range(3))
        for lock in (self._awake, self._stop, self._ended):
            lock.acquire()
        self._running, self._asleep = True, False
        try:
            _thread.start_new_thread(self._run, ())
        except Exception:  # no more threads, or an audit hook forbids them: partial lines wait for their newline
            self._running = False

    def _run(self):
        self._native_id = _thread.get_native_id()
        # Signals are for the main thread: a signal to this thread would not end the main thread's system call.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        while not self._stop.acquire(True, FLUSH_AFTER_S):
            self._asleep = True  # before the flush: a write during it must wake this thread again
            if self._flush():
                self._awake.acquire()
        self._ended.release()

    def forget(self):
        """Forget the thread: it has stayed behind in another process."""
        self._asleep = self._running = False

    def end(self):
        undisturbed(self._end)

    def _end(self):
        if self._running:
            self._running = False
            self._stop.release()
            self._release(self._awake)
            self._ended.acquire()
            try:
                while True:  # the kernel, which Python asks, counts it for a moment longer
                    os.stat(f"/proc/self/task/{self._native_id}")
                    sleep(0.00002)
            except OSError:
                pass

    def close(self):
        """End for good: Python crashes if this thread wants a lock of stdout while it shuts down."""
        self.end()
        self._start = int  # does nothing

    @staticmethod
    def _release(lock):
        try:
            lock.release()
        except RuntimeError:  # two threads woke it at once
            pass
