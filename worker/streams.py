"""``sys.stdout`` and ``sys.stderr``: ordinary text streams on the plain pipes at fds 1 and 2, which the daemon reads.

Two things are added, and neither costs anything once a program is printing:

* *Order.* The daemon cannot see in which order two pipes were written. So a stream that takes over from the other one
  first waits until the daemon has emptied the other's pipe.
* *Partial lines.* ``print(".", end="")`` stays in the line buffer. The first write of a while wakes a thread that
  flushes 50 ms later, and goes back to sleep.

Both hang on the streams' ``write``: an instance attribute stands before the C method until the next write removes it.
"""

import _signal
import _thread
import atexit
import fcntl
import io
import os
import sys
from time import sleep

FIONREAD = 0x541B  # <asm-generic/ioctls.h>; the termios module would be one more import
FLUSH_AFTER_S = 0.05
_BUFFER_BYTES = 8192  # a pipe that is empty always has room for it


def unread_bytes(fd):
    """How many bytes the pipe at ``fd`` holds that nobody has read; FIONREAD works at the writing end too."""
    return int.from_bytes(fcntl.ioctl(fd, FIONREAD, b"\0\0\0\0"), sys.byteorder)


def wait_until_read(fd):
    """Wait until the daemon has read all that the pipe at ``fd`` held.

    It waits as long as the client's back-pressure does, and can be interrupted, as a write can. It gives up when others
    (a child, C code) keep filling the pipe: then there is no order to keep.
    """
    pause_s, growth, before = 0.00002, 0, 1 << 30
    while growth < 20:
        try:
            unread = unread_bytes(fd)
        except OSError:
            return
        if not unread:
            return
        growth += unread > before
        before = unread
        sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.005)


def undisturbed(change):
    """Call ``change()`` while interrupts have to wait: a KeyboardInterrupt in the middle would leave half of it."""
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGCONT))
    try:
        change()
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _is_usable(name):
    """Whether a stream of ``sys`` can be written to; one that user code put there need not be a real stream."""
    try:
        return not getattr(getattr(sys, name), "closed", False)
    except Exception:  # deleted, or detached from its buffer
        return False


class _Flusher:
    """Flushes stdout once, ``FLUSH_AFTER_S`` after ``wake()``, from a thread that exists only when it was needed.

    The thread ends before every ``os.fork()``: a child must not inherit a lock it holds, and from 3.12 on a process
    with two threads is warned that it forks.

    What says where the thread stands changes together with it: ``wake`` and ``end`` hold interrupts back.
    """

    def __init__(self, flush):
        """``flush()`` returns whether it flushed; if not, it is asked again ``FLUSH_AFTER_S`` later."""
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
        except RuntimeError:  # no more threads: partial lines wait for their newline
            self._running = False

    def _run(self):
        self._native_id = _thread.get_native_id()
        # Signals are for the main thread: one that landed here would not end its system call.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        while not self._stop.acquire(True, FLUSH_AFTER_S):
            self._asleep = True  # before the flush: a write that comes during it must wake this thread again
            if self._flush():
                self._awake.acquire()
        self._ended.release()

    def end(self):
        undisturbed(self._end)

    def _end(self):
        if self._running:
            self._running = False
            self._stop.release()
            self._release(self._awake)
            self._ended.acquire()
            try:
                while True:  # the kernel, whom Python asks, counts it for a moment longer
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


class Streams:
    """Owns ``sys.stdout`` and ``sys.stderr``. ``begin()`` before user code, ``flush()`` after it."""

    def __init__(self, flush_c_stdio):
        self._flush_c_stdio = flush_c_stdio
        self._turn = None  # fd of the stream that was written last; None: since begin(), neither
        self._switching = _thread.allocate_lock()
        self._spare_fds = {}
        self._flusher = _Flusher(self._flush_partial_line)
        self.open()
        os.register_at_fork(before=self._before_fork)
        atexit.register(self._flusher.close)  # the first to be registered is the last to be called

    def keep_spare(self, fd, spare_fd):
        """Keep ``spare_fd``, a copy of ``fd``, to repair ``fd`` with after user code closed it."""
        self._spare_fds[fd] = spare_fd

    def open(self):
        """Make both streams anew, as CPython makes its own, and put them into ``sys``."""
        self._streams = {1: _open(1, "<stdout>", "strict"), 2: _open(2, "<stderr>", "backslashreplace")}
        self._first_writes = {fd: self._make_first_write(fd, stream.write) for fd, stream in self._streams.items()}
        sys.stdout = sys.__stdout__ = self._streams[1]
        sys.stderr = sys.__stderr__ = self._streams[2]

    def begin(self):
        """Make ready for user code: repair what earlier code closed."""
        for fd, spare_fd in self._spare_fds.items():
            try:
                os.fstat(fd)
            except OSError:
                os.dup2(spare_fd, fd)
        if not (_is_usable("stdout") and _is_usable("stderr")):
            self.open()
        self._turn = None
        self._switching = _thread.allocate_lock()  # an interrupt may have come between the other one and its release
        self._watch(1)
        self._watch(2)

    def flush(self, ignored=BaseException):
        """Write out everything that Python and C have buffered. Raises nothing that is ``ignored``."""
        for fd in self._streams:
            try:
                # asyncio, and Node.js in a child, leave the pipe so that a write which finds it full fails: fcntl(2).
                os.set_blocking(fd, True)
            except ignored:  # closed, or user code has put something else in its place
                pass
        for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None), *self._streams.values()):
            try:
                stream.flush()
            except ignored:  # closed, replaced by something that is no stream, a surrogate in its buffer
                pass
        self._flush_c_stdio()

    def _watch(self, fd):
        """Have the next write of a stream begin with ``_take_turn``."""
        self._streams[fd].write = self._first_writes[fd]

    def _make_first_write(self, fd, write):
        def first_write(text):
            self._take_turn(fd)
            return write(text)

        return first_write

    def _take_turn(self, fd):
        """What the first write after ``begin()``, after the other stream's write or after a flush does."""
        self._streams[fd].__dict__.pop("write", None)
        before, self._turn = self._turn, fd
        switching = self._switching
        # Of two threads that switch at once, one does not wait for the other: between them there is no order.
        if before not in (None, fd) and switching.acquire(False):
            try:
                self._watch(before)
                self._streams[before].flush()
                wait_until_read(before)
            except (OSError, ValueError):  # closed
                pass
            finally:
                switching.release()
        self._flusher.wake()

    def _before_fork(self):
        self._flusher.end()
        if self._turn is not None:
            self._watch(self._turn)  # whose next write wakes it again, in both processes

    def _flush_partial_line(self):
        """Flush what was written last, if that cannot block; return whether it was done."""
        fd = self._turn
        try:
            if fd is None:
                return True
            if unread_bytes(fd):
                # A full pipe would make this thread sleep inside the stream's lock, out of reach of an interrupt.
                return False
            self._watch(fd)  # before the flush: what is written during it is seen again
            self._streams[fd].flush()
        except (OSError, ValueError):
            pass
        return True


def _open(fd, name, errors):
    """Return a line-buffered text stream on ``fd``."""
    raw = io.FileIO(fd, "w", closefd=False)
    raw.name = name
    buffer = io.BufferedWriter(raw, _BUFFER_BYTES)
    stream = io.TextIOWrapper(buffer, encoding="utf-8", errors=errors, newline="\n", line_buffering=True)
    stream.mode = "w"
    return stream
