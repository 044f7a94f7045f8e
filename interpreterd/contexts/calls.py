"""The calls of host functions by the running execution of a context, while they wait for a client's answer."""

import asyncio
from collections.abc import Callable
from typing import Final

from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.holdings import Holdings
from interpreterd.machine.inputs import CallAnswered
from interpreterd.model.errors import LimitReached
from interpreterd.model.events import Event
from interpreterd.model.execution_errors import CallNotFound
from interpreterd.model.functions import GONE, CallOutcome, FunctionCall, FunctionEnd, HostRaised, PendingCall
from interpreterd.pipe.calls import Called

CALL_BYTES: Final = 2048  # the memory of a call besides its arguments
_NUMBER_LIMIT_DIGITS: Final = 15


class Calls:
    """The open calls of one execution after another.

    A client that does not read is not told of further calls, as it would not be told of output: they wait until its
    journal has room. If nobody follows an execution that had a client, its calls wait ``grace_s`` seconds for somebody
    to come; then they raise in the code. An execution in the background waits without that limit.
    """

    def __init__(self, *, held: Holdings, grace_s: float) -> None:
        """Be without an execution. The arguments of open calls count as ``held``."""
        self._held = held
        self._grace_s = grace_s
        self._execution: ExecutionRecord | None = None
        self._say: Callable[[Event], None] = ignore
        self._feed: Callable[[CallAnswered], None] = ignore
        self._open: dict[int, PendingCall] = {}
        self._untold: dict[int, PendingCall] = {}
        self._latest = -1
        self._leaving: asyncio.TimerHandle | None = None
        self._gone = False

    def begin(
        self, execution: ExecutionRecord, say: Callable[[Event], None], feed: Callable[[CallAnswered], None]
    ) -> None:
        """``execution`` begins to run; ``say`` its events, ``feed`` the answers that the daemon gives."""
        self._execution, self._say, self._feed = execution, say, feed
        self._latest = -1
        self._gone = False
        if not execution.unattended:
            execution.journal.on_attendance = self._look_for_clients
            self._look_for_clients()

    def call(self, called: Called) -> None:
        """Ask the clients."""
        assert self._execution is not None
        self._latest = called.number
        if self._gone:
            self._fail(called.number, f"the client that could answer {called.name}() has gone")
            return
        call = PendingCall(call_id=str(called.number), name=called.name, args=called.args, kwargs=called.kwargs)
        try:
            self._held.take(_size_bytes(call))
        except LimitReached as error:
            self._fail(called.number, f"{called.name}() cannot be called: {error}")
            return
        self._open[called.number] = self._untold[called.number] = call
        self.tell()

    def tell(self) -> None:
        """Tell the client of calls, as far as its journal has room."""
        while self._untold and self._execution is not None and not self._execution.journal.full:
            number = next(iter(self._untold))
            call = self._untold.pop(number)
            self._say(FunctionCall(call_id=call.call_id, name=call.name, args=call.args, kwargs=call.kwargs))

    def end(self, number: int, outcome: CallOutcome) -> None:
        """A call has ended."""
        call = self._open.pop(number, None)
        if call is None:
            return
        self._held.give_back(_size_bytes(call))
        if self._untold.pop(number, None) is None:
            self._say(FunctionEnd(call_id=call.call_id, outcome=outcome))

    def finish(self) -> None:
        """The execution has ended, and before that all its calls."""
        assert self._execution is not None
        self._stop_waiting()
        self._execution.journal.on_attendance = int
        self._execution = None
        self._say = self._feed = ignore  # they keep the whole context

    def listed(self, execution_id: str) -> list[PendingCall]:
        """Return the open calls of an execution, the oldest first."""
        if self._execution is None or self._execution.id != execution_id:
            return []
        self._note_client()
        return list(self._open.values())

    def number_of(self, execution_id: str, call_id: str) -> int | None:
        """Return the number of a call of the running execution; None if another one runs. Raises ``CallNotFound``."""
        if not (call_id.isascii() and call_id.isdecimal() and len(call_id) <= _NUMBER_LIMIT_DIGITS):
            raise CallNotFound(call_id)
        if self._execution is None or self._execution.id != execution_id:
            return None
        self._note_client()
        if int(call_id) > self._latest:
            raise CallNotFound(call_id)
        return int(call_id)

    def _fail(self, number: int, value: str) -> None:
        assert self._execution is not None
        self._feed(CallAnswered(self._execution.id, number, HostRaised(name=GONE, value=value)))

    def _look_for_clients(self) -> None:
        """Wait for somebody to come if nobody follows the execution."""
        assert self._execution is not None
        if self._execution.journal.attended:
            self._stop_waiting()
            self._gone = False
        elif self._leaving is None and not self._gone:
            self._leaving = asyncio.get_running_loop().call_later(self._grace_s, self._give_up)

    def _note_client(self) -> None:
        """A client asks for calls, or answers one: if nobody follows the execution, wait anew."""
        if self._leaving is not None or self._gone:
            self._stop_waiting()
            self._gone = False
            self._look_for_clients()

    def _stop_waiting(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _give_up(self) -> None:
        self._leaving = None
        self._gone = True
        for number, call in list(self._open.items()):
            self._fail(number, f"the client has gone, and nobody answered {call.name}() within {self._grace_s:g} s")


def ignore(event: object) -> None:
    """Do nothing."""


def _size_bytes(call: PendingCall) -> int:
    return CALL_BYTES + len(call.args.text) + len(call.kwargs.text)
