"""``input()`` and ``getpass()``: they ask the client of the execution, or fail at once if it cannot be asked."""

import _signal
import _thread
import builtins
import os


class Stdin:
    """Asks through ``channel``. ``open()`` before user code that may ask, ``close()`` after it.

    Only the main thread of the worker itself may ask: it alone reads the channel, and a child's answer would be lost.
    """

    def __init__(self, channel, streams):
        self._channel = channel
        self._flush = streams.flush
        self._execution_id = None
        self._getpid = os.getpid
        self._pid = os.getpid()
        self._main_thread = _thread.get_ident()
        builtins.input = self._input

    def open(self, execution_id):
        self._execution_id = execution_id

    def close(self):
        self._execution_id = None

    def _input(self, prompt="", /):
        """Return a line that the client of this execution was asked for."""
        return self._ask("input()", prompt, False)

    def hook_getpass(self, module):
        """Let ``getpass.getpass`` ask the client too, who does not show what is typed."""

        def getpass(prompt="Password: ", stream=None):
            """Return a password that the client of this execution was asked for."""
            return self._ask("getpass()", prompt, True)

        module.getpass = getpass

    def _ask(self, name, prompt, password):
        if self._execution_id is None:
            raise EOFError(f"{name} has nothing to read: this execution has no standard input")
        if self._getpid() != self._pid or _thread.get_ident() != self._main_thread:
            raise EOFError(f"{name} has nothing to read: only the main thread of a context can ask its client")
        prompt = str(prompt)
        self._flush()
        self._channel.send({"type": "asked", "id": self._execution_id, "prompt": prompt, "password": password})
        text = self._receive()
        if text is None:
            raise EOFError(f"{name} has nothing more to read")
        return text

    def _receive(self):
        """Return the answer, or raise what SIGINT's handler does, but never between parts of a message."""
        import select

        poll = select.poll()
        poll.register(self._channel.read_fd, select.POLLIN)
        while True:
            poll.poll()
            # A message is read whole: an exception in the middle would lose a part of it.
            before = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT,))
            try:
                message = self._channel.receive()
            finally:
                _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
            if message is None:
                raise EOFError("the daemon has gone")
            if message["type"] == "answer":
                return message["text"]
