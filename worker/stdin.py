"""``sys.stdin``, ``input()`` and ``getpass()``: they ask the client of the execution, or are at their end at once.

This holds while stdin is the daemon's. If user code has put something else on fd 0 or into ``sys.stdin``, that is read,
as by any Python.
"""

import _thread
import builtins
import io
import os
import sys
from time import sleep

from worker.report import cut

PROMPT_LIMIT_CHARS = 16 << 10
GIVEN_UP_S = 0.05  # before the next question; the daemon kills a worker that gives up forty a second


class _Raw(io.FileIO):
    """Fd 0, below the buffers of ``sys.stdin``: ``read_answer`` reads instead, unless it returns None."""

    read_answer = None

    def readinto(self, buffer):
        data = self.read_answer(len(buffer))
        if data is None:
            return super().readinto(buffer)
        buffer[: len(data)] = data
        return len(data)

    def readall(self):
        return b"".join(iter(lambda: self.read(io.DEFAULT_BUFFER_SIZE), b""))

    def read(self, size=-1):
        if size < 0:
            return self.readall()
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])


class Stdin:
    """Asks through ``channel``. ``begin()`` before user code, ``close()`` after it.

    Only the main thread of the worker itself may ask, because it alone reads the channel, and a child would lose the
    answer. A question that an exception (an interrupt, an alarm) has ended is never answered: each question has a
    number, and its answer the same.
    """

    def __init__(self, channel, streams):
        self.channel = channel  # another one while other code waits for messages, too
        self._flush = streams.flush
        self._is_own = streams.is_own
        self._execution_id = None
        self._number = 0
        self._waits = False
        self._unread = b""  # of the latest answer
        self._asks = True
        self._read_ahead = False  # whether the buffers of sys.stdin may hold data
        self._getpid = os.getpid
        self._pid = None
        self._get_ident = _thread.get_ident
        self._main_thread = _thread.get_ident()
        self._python_input = builtins.input
        builtins.input = self._input
        self._open_stream()

    def _open_stream(self):
        raw = _Raw(0, "r", closefd=False)
        raw.name = "<stdin>"
        raw.read_answer = self._read_answer
        self._stream = io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors="strict")
        self._stream.mode = "r"
        sys.stdin = sys.__stdin__ = self._stream

    def begin(self, execution_id):
        """Prepare for user code, which may ask if ``execution_id`` is not None."""
        try:
            usable = not getattr(sys.stdin, "closed", False)
        except BaseException:  # deleted, detached from its buffer, or an object of user code, which may do anything
            usable = False
        if not usable:
            self._open_stream()
        self._execution_id = execution_id
        self._waits = False
        self._pid = self._getpid()

    def close(self):
        """End the input; the unread rest of an answer is not for other executions."""
        self._execution_id = None
        if self._read_ahead:
            self._unread = b""
            try:
                while self._buffered():
                    pass
            except BaseException:  # closed
                pass
            self._read_ahead = False

    def _is_the_clients(self):
        """Whether ``input()`` asks the client: not if user code has replaced stdin."""
        return getattr(sys, "stdin", None) is self._stream and self._is_own(0) and not self._stream.closed

    def _buffered(self):
        """Return the next buffered line, or a part of it, without a question."""
        self._asks = False
        try:
            return self._stream.readline()
        finally:
            self._asks = True

    def _input(self, prompt="", /):
        """Return a line of the client of this execution, or of another ``sys.stdin``."""
        if not self._is_the_clients():
            return self._python_input(prompt)
        if self._read_ahead and (line := self._buffered()):
            return line.removesuffix("\n")
        return self._ask("input()", prompt, False)

    def hook_getpass(self, module):
        """Let ``getpass.getpass`` ask the client too, which does not show the typed text."""
        original = module.getpass

        def getpass(prompt="Password: ", stream=None, **options):
            """Return a password from the client of this execution."""
            if not self._is_the_clients():
                return original(prompt, stream, **options)
            return self._ask("getpass()", prompt, True)

        module.getpass = getpass

    def _read_answer(self, size):
        """Return up to ``size`` bytes for ``sys.stdin``, none at the end; None to read fd 0 instead."""
        if not self._is_own(0):
            return None
        if not self._unread:
            if not self._asks or not self._may_ask():
                return b""
            try:
                self._unread = self._ask("sys.stdin", "", False).encode("utf-8", "surrogatepass") + b"\n"
            except EOFError:
                return b""
        self._read_ahead = True
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def _may_ask(self):
        own = self._getpid() == self._pid and self._get_ident() == self._main_thread
        return self._execution_id is not None and own

    def _ask(self, name, prompt, password):
        if self._execution_id is None:
            from worker.refusing import refused

            raise refused(name)
        if self._getpid() != self._pid or self._get_ident() != self._main_thread:
            raise EOFError(f"{name} has nothing to read: only the main thread of a context can ask its client")
        prompt = str.__str__(str(prompt))  # a plain str: user code may have made a subclass
        self._flush(Exception)  # a client that does not read makes this wait: an interrupt must get out
        if self._waits:  # the last question was given up
            sleep(GIVEN_UP_S)
        self._waits = True
        self._number = number = self._number + 1
        self.channel.send(
            {
                "type": "asked",
                "id": self._execution_id,
                "number": number,
                "prompt": cut(prompt, PROMPT_LIMIT_CHARS),
                "password": password,
            }
        )
        while True:
            answer = self.channel.receive(True)
            if answer["type"] == "answer" and answer["text"] is None:
                self.close()
                raise EOFError(f"{name} has nothing more to read")
            if answer["type"] == "answer" and answer["number"] == number:
                self._waits = False
                return answer["text"]
