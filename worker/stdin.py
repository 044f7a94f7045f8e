"""``input()`` and ``getpass()``: they ask the client of the execution, or fail at once if it cannot be asked."""

import _thread
import builtins
import os
from time import sleep

from worker.report import cut

PROMPT_LIMIT_CHARS = 16 << 10
GIVEN_UP_S = 0.05  # before the next question; the daemon takes who gives up forty a second for broken


class Stdin:
    """Asks through ``channel``. ``open()`` before user code that may ask, ``close()`` after it.

    Only the main thread of the worker itself may ask: it alone reads the channel, and a child's answer would be lost.
    A question that an exception (an interrupt, an alarm) has ended is never answered: each has a number, and its answer
    the same one.
    """

    def __init__(self, channel, streams):
        self._channel = channel
        self._flush = streams.flush
        self._execution_id = None
        self._number = 0
        self._waits = False
        self._getpid = os.getpid
        self._pid = None
        self._get_ident = _thread.get_ident
        self._main_thread = _thread.get_ident()
        builtins.input = self._input

    def open(self, execution_id):
        self._execution_id = execution_id
        self._waits = False
        self._pid = self._getpid()

    def close(self):
        self._execution_id = None

    def _input(self, prompt="", /):
        """Return a line that the client of this execution was asked for."""
        return self._ask("input()", prompt, False)

    def hook_getpass(self, module):
        """Let ``getpass.getpass`` ask the client too, who does not show what is typed."""

        def getpass(prompt="Password: ", stream=None, *, echo_char=None):
            """Return a password that the client of this execution was asked for."""
            return self._ask("getpass()", prompt, True)

        module.getpass = getpass

    def _ask(self, name, prompt, password):
        if self._execution_id is None:
            raise EOFError(f"{name} has nothing to read: this execution has no standard input")
        if self._getpid() != self._pid or self._get_ident() != self._main_thread:
            raise EOFError(f"{name} has nothing to read: only the main thread of a context can ask its client")
        prompt = str.__str__(str(prompt))  # a plain str: user code may have made a subclass
        self._flush(Exception)  # a client that does not read makes this wait: an interrupt must get out
        if self._waits:  # the last question was given up
            sleep(GIVEN_UP_S)
        self._waits = True
        self._number = number = self._number + 1
        self._channel.send(
            {
                "type": "asked",
                "id": self._execution_id,
                "number": number,
                "prompt": cut(prompt, PROMPT_LIMIT_CHARS),
                "password": password,
            }
        )
        while True:
            answer = self._channel.receive(True)
            if answer["type"] == "answer" and answer["text"] is None:
                self.close()
                raise EOFError(f"{name} has nothing more to read")
            if answer["type"] == "answer" and answer["number"] == number:
                self._waits = False
                return answer["text"]
