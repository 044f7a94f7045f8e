"""``sys.stdout`` and ``sys.stderr``: ordinary text streams on the plain pipes at fds 1 and 2, which the daemon reads.

Two things are added, and neither costs anything once a program is printing:

* *Order.* The daemon cannot see in which order two pipes were written. So before the program changes from one stream to
  the other, a mark is written into each pipe; ``interpreterd/pipe/turns.py`` describes it.
* *Partial lines.* ``print(".", end="")`` stays in the line buffer. The first write after a pause wakes a thread that
  flushes 50 ms later, and goes back to sleep.

Both hang on the streams' ``write``, an instance attribute that hides the C method until the next write. Then it is the
C method itself, bound once: ``print`` would bind it anew for each of its two writes.

Fds 0, 1 and 2 are also user code's, which may replace them. So a mark is written only where fstat(2) shows the daemon's
pipe, and what failed code has left there is repaired.
"""

import _thread
import atexit
import fcntl
import io
import os
import select
import sys
from os import getpid, set_blocking, write  # before user code can replace them

from worker.flusher import Flusher
from worker.imports import identity

FIONREAD = 0x541B  # <asm-generic/ioctls.h>; the termios module would be one more import
_BUFFER_BYTES = 8192  # an empty pipe always has room for it
_AFTER = {1: b"1", 2: b"2"}  # how a mark in the display pipe names the pipe that it comes after
current = None  # this worker's Streams, for modules that are made later


def unread_bytes(fd):
    """Return how many unread bytes the pipe at ``fd`` holds; FIONREAD works at the writing end too."""
    return int.from_bytes(fcntl.ioctl(fd, FIONREAD, b"\0\0\0\0"), sys.byteorder)


def _has_unread(fd):
    try:
        return unread_bytes(fd) > 0
    except OSError:  # closed, or no pipe
        return False


def _is_full(fd):
    """Whether a write would wait, according to poll(2): never for a file or a closed descriptor."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    try:
        return not poll.poll(0)
    except OSError:  # EINVAL: user code has set RLIMIT_NOFILE to 0
        return False


def _is_usable(name):
    """Whether a stream of ``sys`` can be written to; a stream of user code need not be a real one."""
    try:
        return not getattr(getattr(sys, name), "closed", False)
    except BaseException:  # deleted, detached from its buffer, or an object of user code, which may do anything
        return False


class Streams:
    """Owns ``sys.stdout`` and ``sys.stderr``. ``begin()`` before user code, ``end()`` after it.

    The daemon recognises this process's marks by ``secret``.
    """

    def __init__(self, flush_c_stdio):
        self._flush_c_stdio = flush_c_stdio
        self.finish_display = None  # the publisher's, once there is one
        self._turn = None  # fd of the last written pipe; None if none was written since begin()
        self._turns = self._writer = 0
        self._pid = getpid()
        self._switching = _thread.allocate_lock()
        self._flusher = Flusher(self._flush_partial_line)
        self._errors = os.environ.get("PYTHONIOENCODING", "").partition(":")[2] or "strict"
        self._streams, self._writes, self._first_writes = {}, {}, {}
        self.open(1)
        self.open(2)
        os.register_at_fork(before=self.before_fork)
        atexit.register(self._at_exit)  # the first to be registered is the last to be called

    def own(self, spare_fds, display_fd, replaced=()):
        """Take ``spare_fds``, private copies of fds 0, 1 and 2, to recognise and to repair these, and the display pipe.

        On fds that are ``replaced``, user code has put something else. The display pipe is the publisher's: see
        ``publisher.py``. Here it is only a third pipe of which the order is known.
        """
        self.spare_fds = spare_fds
        self._own = {fd: identity(spare_fd) for fd, spare_fd in spare_fds.items()}
        self.display_fd = display_fd
        self._display_file = identity(display_fd)
        self._found = {fd: identity(fd) if fd in replaced else file for fd, file in self._own.items()}
        self.begin_process()
        self.secret = os.urandom(8).hex()
        self._mark = b"\xff" + self.secret.encode()

    def begin_process(self):
        """From now on this process is the worker, of which the marks have no writer's number."""
        self._pid = self.worker_pid = getpid()

    def is_own(self, fd):
        """Whether ``fd`` is the file that the daemon has put there."""
        return identity(fd) == (self._display_file if fd == self.display_fd else self._own[fd])

    def open(self, fd):
        """Make a new stream, as CPython makes its own, and put it into ``sys``."""
        if fd == 1:
            stream = sys.stdout = sys.__stdout__ = _open(1, "<stdout>", self._errors)
        else:
            stream = sys.stderr = sys.__stderr__ = _open(2, "<stderr>", "backslashreplace")
        self._streams[fd] = stream
        self._writes[fd] = stream.write
        self._first_writes[fd] = self._make_first_write(fd, stream.write)

    def begin(self):
        """Prepare for user code."""
        if not _is_usable("stdout"):
            self.open(1)
        if not _is_usable("stderr"):
            self.open(2)
        self._turn = None
        self._switching = _thread.allocate_lock()  # an interrupt may have come between the old lock and its release
        self._watch(1)
        self._watch(2)

    def end(self, failed):
        """Write out buffers that user code has left, and repair closed fds 0, 1 and 2.

        If it ``failed``, repair its other changes to them as well.
        """
        if self.finish_display is not None:
            self.finish_display()
        there = {fd: identity(fd) for fd in self._own}
        self._flush(there, BaseException)
        if there != self._found:
            changed = [fd for fd, file in there.items() if file is None or (failed and file != self._found[fd])]
            there.update({fd: self._repair(fd) for fd in changed})
            self._found = there
            if changed:
                self._flush(there, BaseException)

    def _repair(self, fd):
        """Put the daemon's file back on ``fd``, and return the file that is there then."""
        spare_fd = self.spare_fds[fd]
        # Otherwise user code has closed it, and perhaps opened another file there.
        if identity(spare_fd) == self._own[fd]:
            try:
                os.dup2(spare_fd, fd)
            except OSError:  # beyond a limit that user code has set: its next write will fail
                pass
        return identity(fd)

    def flush(self, ignored=BaseException):
        """Write out everything that Python and C have buffered. Raises no exception of ``ignored``.

        It waits for the daemon, but not for a full pipe of user code's own.
        """
        self._flush({fd: identity(fd) for fd in self._streams}, ignored)

    def _flush(self, there, ignored):
        """Do so; ``there`` are the files on the descriptors."""
        full = []
        for fd in self._streams:
            if there[fd] != self._own[fd]:
                if _is_full(fd):
                    full.append(fd)
                continue
            try:
                # asyncio, and Node.js in a child, make the pipe non-blocking, so that a write to a full pipe fails:
                # fcntl(2).
                set_blocking(fd, True)
            except ignored:
                pass
        in_place = () if full else (getattr(sys, "stdout", None), getattr(sys, "stderr", None))
        own = [stream for fd, stream in self._streams.items() if fd not in full]
        for stream in (*in_place, *own):
            try:
                stream.flush()
            except ignored:  # closed, replaced by an object that is no stream, a surrogate in its buffer
                pass
        try:
            if not full:
                self._flush_c_stdio()
        except BaseException:  # of an audit hook
            pass

    def _watch(self, fd):
        """Let the next write of a stream begin with ``_take_turn``, unless user code has put its own method there."""
        attributes = self._streams[fd].__dict__
        if attributes.get("write", self._writes[fd]) is self._writes[fd]:
            attributes["write"] = self._first_writes[fd]

    def _make_first_write(self, fd, write):
        def first_write(text):
            self._take_turn(fd)
            return write(text)

        first_write.__name__, first_write.__qualname__ = write.__name__, write.__qualname__
        first_write.__doc__, first_write.__module__ = write.__doc__, None
        return first_write

    def _take_turn(self, fd):
        """Called by the first write after ``begin()``, after the other stream's write or after a flush."""
        attributes = self._streams[fd].__dict__
        if attributes.get("write") is self._first_writes[fd]:
            attributes["write"] = self._writes[fd]
        if getpid() != self._pid:
            self._be_forked()
        before, self._turn = self._turn, fd
        if before not in (None, fd):
            self._switch([before], fd)
        self._flusher.wake()

    def take_display_turn(self):
        """Let what is written to the display pipe from now on come after all text that has been written until now.

        Text of other processes is marked too, if the daemon has not read it yet.
        """
        if getpid() != self._pid:
            self._be_forked()
        before, self._turn = self._turn, self.display_fd
        ended = [fd for fd in self._streams if fd == before or _has_unread(fd)]
        if ended:
            self._switch(ended, self.display_fd)

    def _switch(self, ended, fd):
        """Mark the end of what was written to the pipes ``ended``, and the beginning of what comes on ``fd``."""
        switching = self._switching
        # If two threads switch at once, one does not wait for the other: between them there is no order.
        if not switching.acquire(False):
            return
        try:
            for before in ended:
                if before in self._streams:
                    self._watch(before)
                    self._streams[before].flush()
                if self.is_own(before) and self.is_own(fd):
                    self._turns += 1
                    sign = b">" if self.display_fd not in (before, fd) else _AFTER.get(before, b"0")
                    write(before, b"%b<%08x%08x" % (self._mark, self._writer, self._turns & 0xFFFFFFFF))
                    write(fd, b"%b%b%08x%08x" % (self._mark, sign, self._writer, self._turns & 0xFFFFFFFF))
        except (OSError, ValueError):  # closed, or left non-blocking, and full
            pass
        finally:
            switching.release()

    def _be_forked(self):
        """Begin again in a process that was forked in any way: Python does not hear of each fork of C code."""
        self._pid, self._turns, self._writer = getpid(), 0, int.from_bytes(os.urandom(4), "big")
        self._switching = _thread.allocate_lock()
        self._flusher.forget()

    def before_fork(self):
        """End the only thread of the worker's own, until there is something to flush."""
        if getpid() != self._pid:
            self._be_forked()
        self._flusher.end()
        if self._turn in self._streams:
            self._watch(self._turn)  # its next write wakes it again, in both processes

    def _at_exit(self):
        if getpid() != self._pid:
            self._be_forked()
        self._flusher.close()

    def _flush_partial_line(self):
        """Flush the last written stream, if that cannot block; return whether it was done."""
        fd = self._turn
        try:
            if fd not in self._streams:
                return True
            if unread_bytes(fd):
                # A full pipe would make this thread sleep inside the stream's lock, out of reach of an interrupt.
                return False
            self._watch(fd)  # before the flush: writes during it are noticed again
            self._streams[fd].flush()
        except BaseException:  # closed, or user code has given the stream a method of its own
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
