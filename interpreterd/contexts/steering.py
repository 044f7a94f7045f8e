"""The half of a context that its clients steer: interrupts, and answers to the questions of code."""

from typing import Protocol

from interpreterd.contexts.service import Interrupted
from interpreterd.contexts.slot import Slot
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine import effects, inputs
from interpreterd.machine.machine import Machine
from interpreterd.model.functions import CallAnswer


class Steering(Protocol):
    """Interrupts and answers, for ``Context``, which has these parts."""

    _machine: Machine
    _slot: Slot
    _transcript: Transcript
    _unasked: effects.Ask | None

    def _feed(self, event: inputs.Input) -> None: ...

    def interrupt(self, execution_id: str | None = None) -> Interrupted:
        """Interrupt the running execution, or the execution ``execution_id``, which leaves the queue if it waits there.

        Returns ``interrupting``, ``cancelled``, or ``idle`` if it neither runs nor waits; may be repeated.
        """
        if self._machine.running_id is not None and execution_id in (None, self._machine.running_id):
            self._feed(inputs.InterruptRequested())
            return "interrupting"
        if execution_id is not None and self._transcript.waits(execution_id):
            self._feed(inputs.Cancel(execution_id))
            return "cancelled"
        return "idle"

    def answer(self, execution_id: str, text: str | None) -> bool:
        """Give ``text`` (None: end of the input) to an execution that asks for input; return whether it does."""
        if execution_id != self._machine.asking_id:
            return False
        self._feed(inputs.Answered(execution_id, text))
        return True

    def answer_call(self, execution_id: str, call_id: str, answer: CallAnswer) -> bool:
        """Answer the call of a host function; return whether it has waited for that. Raises ``CallNotFound``."""
        number = self._transcript.calls.number_of(execution_id, call_id)
        if number is None or not self._machine.waits_for(execution_id, number):
            return False
        self._feed(inputs.CallAnswered(execution_id, number, answer))
        return True

    def ask(self, question: effects.Ask) -> None:
        """Ask the client, once it has read enough: code may ask again and again, and only the last question counts."""
        self._unasked = question if self._transcript.full else None
        if self._unasked is None and not self._transcript.ask(
            question.execution_id, question.prompt, password=question.password
        ):
            self._feed(inputs.Answered(question.execution_id, None))

    def resume_output(self) -> None:
        """The client has read: let the worker write, and ask what it has not been asked."""
        self._transcript.tell_calls()
        if self._slot.worker is not None and not self._transcript.full:
            self._slot.worker.resume_output()
            if self._unasked is not None and self._unasked.execution_id == self._machine.asking_id:
                self.ask(self._unasked)
