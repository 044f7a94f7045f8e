"""The machine's part in host functions: which calls are open, and what a worker may do with them."""

from typing import Final

from interpreterd.machine import effects, inputs
from interpreterd.machine.steps import Steps
from interpreterd.model.functions import OUTSTANDING_LIMIT, CallOutcome, Returned
from interpreterd.pipe.calls import Called, CancelCall, Dropped, Raise, Return
from interpreterd.pipe.messages import ToWorker

# Code may drop calls, by timeouts of its own, and make new ones. The worker then waits, 2 ms for each.
DROPPED_LIMIT: Final = 1000  # calls that a worker may drop in ``DROPPED_S``
DROPPED_S: Final = 1.0
# An honest worker makes no call once it has been told that one is cancelled; its threads may have made these before.
LATE_CALLS_LIMIT: Final = 2 * OUTSTANDING_LIMIT


class CallSteps(Steps):
    """The steps of actions for calls. ``Steps`` has their memory."""

    def may_call(self, called: Called) -> bool:
        """Return whether the worker may make this call now."""
        return (
            self.current is not None
            and called.execution_id == self.running_id
            and called.number > self.last_call
            and len(self.calls) < OUTSTANDING_LIMIT
            and any(called.name == it.name for it in self.current.request.functions)
        )

    def begin_call(self, called: Called) -> None:
        """Ask the client."""
        self.last_call = called.number
        self.calls.add(called.number)
        self.do(effects.Call(called))

    def refuse_call(self, called: Called) -> None:
        """The execution is to end: no client is asked. Too many of these break the protocol."""
        self.last_call = called.number
        self.late_calls += 1
        if self.late_calls > LATE_CALLS_LIMIT:
            self.violated("too many calls after an interrupt")
        else:
            self.do(effects.Send(CancelCall(number=called.number)))
            self.answered_calls += 1

    def may_drop(self, dropped: Dropped) -> bool:
        """Return whether the worker may drop this call. It may not know yet that the call has been answered."""
        if dropped.execution_id != self.running_id:
            return False
        if dropped.number not in self.calls:
            self.answered_calls -= 1
            return self.answered_calls >= 0
        self.dropped_calls += 1
        if self.dropped_calls == 1:
            self.do(effects.SetTimer("dropped", DROPPED_S))
        return self.dropped_calls <= DROPPED_LIMIT

    def drop_call(self, dropped: Dropped) -> None:
        """The code does not wait any more."""
        if dropped.number in self.calls:
            self.end_call(dropped.number, CallOutcome.CANCELLED)

    def take_answer(self, event: inputs.CallAnswered) -> None:
        """Answer the code, unless the call has ended."""
        if event.execution_id != self.running_id or event.number not in self.calls:
            return
        answer = event.answer
        if isinstance(answer, Returned):
            self.answer_call(Return(number=event.number, value=answer.value), CallOutcome.RETURNED)
        else:
            raising = Raise(number=event.number, name=answer.name, value=answer.value)
            self.answer_call(raising, CallOutcome.RAISED)

    def answer_call(self, message: Return | Raise | CancelCall, outcome: CallOutcome) -> None:
        """Tell the worker how an open call has ended."""
        sent: ToWorker = message
        self.do(effects.Send(sent))
        self.answered_calls += 1
        self.end_call(message.number, outcome)

    def ask_to_end(self) -> None:
        """Let code that waits for an answer come to its end."""
        self.cancel_calls()
        super().ask_to_end()

    def cancel_calls(self) -> None:
        """End all open calls, as the execution is to end: code that waits for an answer is told."""
        for number in sorted(self.calls):
            self.answer_call(CancelCall(number=number), CallOutcome.CANCELLED)
