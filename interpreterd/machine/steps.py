"""The machine's memory, and the steps of its actions. Each collects effects."""

from collections import deque
from collections.abc import Callable
from typing import Final

from interpreterd.machine import effects, verdicts
from interpreterd.machine.inputs import Operate, Received, Submit
from interpreterd.machine.states import State
from interpreterd.machine.verdicts import Verdict
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Outcome
from interpreterd.model.files import ChangedFiles
from interpreterd.model.functions import OUTSTANDING_LIMIT, CallOutcome
from interpreterd.pipe.calls import Called, Dropped
from interpreterd.pipe.messages import Asked, Done, Exiting, Run, Synced

END_LIMIT_S: Final = 1.0  # for exit handlers, buffered files and helpers, when a context ends or gets a new worker
# From SIGKILL to the end: it takes longer only if the kernel, or a tracer, holds the process.
GIVE_UP_AFTER_S: Final = 1.0
_LAST_WORDS = 2  # of a worker that is told to end while it runs code: a question, the end of its execution
_LAST_CALLS = 2 * OUTSTANDING_LIMIT  # its threads may make calls, and drop them


class Steps:
    """The machine's memory, and the operations on it. Its driver sees only the ``Machine``.

    Attributes:
        state: The state of the worker.
        queue: The executions that wait for ``current``, which runs, and operations; ``Machine.check_room`` bounds it.
        operating: The id of the operation that has the worker.
        preceded: The execution for which the present operation takes a checkpoint; it is still the first in the queue.
        ready: The first execution of the queue, if its checkpoint has been taken.
        verdict: How the running execution will have ended, if that is already known.
        workers_before: How many workers have started.
        begun: How many executions have begun to run.
        asked: The number of the question that waits for an answer.
        given_up: Questions that the worker has given up since the timer of this name was set.
        late: Questions after the end of the input.
        calls: The numbers of the open calls of host functions.
        last_call: The number of the latest call of the execution.
        answered_calls: Calls that have been answered, and that the worker may drop as it does not know that yet.
        dropped_calls: Calls that the worker has dropped since the timer of this name was set.
        late_calls: Calls after an interrupt.
        used: Whether the worker has run code.
        killed: Whether it has been killed, and is not gone yet.
        last_words: How many more messages a worker that is told to end may send.
        last_calls: The same, of those about calls.
        changed: The files that the running execution has reported at its end.
        effects: The effects of the current input.
    """

    def __init__(self, grace_s: float, *, may_begin: Callable[[], bool] | None = None, begun: int = 0) -> None:
        """Begin without a worker; wait ``grace_s`` seconds between an interrupt and force.

        Before an execution begins, ``may_begin`` says whether it may; looks always may. If not, a ``Turn`` comes later.
        """
        self.state = State.EMPTY
        self._may_begin = may_begin
        self._grace_s = grace_s
        self.queue: deque[Submit | Operate] = deque()
        self.current: Submit | None = None
        self.operating: str | None = None
        self.preceded: Submit | None = None
        self.ready: Submit | None = None
        self.verdict: Verdict | None = None
        self.workers_before = 0
        self.begun = begun
        self.restarted = False
        self.restart_asked = False
        self.asked: int | None = None
        self.given_up = 0
        self.input_ended = False
        self.late = 0
        self.calls: set[int] = set()
        self.last_call = -1
        self.answered_calls = self.dropped_calls = self.late_calls = 0
        self.used = False
        self.killed = False
        self.last_words = self.last_calls = 0
        self.changed: ChangedFiles | None = None
        self.effects: list[effects.Effect] = []

    @property
    def running_id(self) -> str | None:
        """The id of the running execution."""
        return self.current.execution_id if self.current else None

    @property
    def grace_s(self) -> float:
        """The time that the running execution has to end after an interrupt."""
        own = None if self.current is None else self.current.request.grace_s
        return self._grace_s if own is None else own

    def do(self, *wanted: effects.Effect) -> None:
        """Add to the effects of the current input."""
        self.effects.extend(wanted)

    def finish(self, verdict: Verdict) -> None:
        """End the running execution, if there is one."""
        if self.current is not None:
            self.do(effects.ClearTimer("timeout"))
            if self.given_up:
                self.do(effects.ClearTimer("given up"))
            self.end_calls()
            self.say_end(self.current, verdict, self.changed)
            if self.current.request.stop_on_error and verdict.error is not None:
                self._stop_others(self.current.request.origin)
        self.current = self.verdict = self.asked = self.changed = None

    def end_operation(self, cause: InterpreterError) -> None:
        """Take the worker from the operation that has it, if there is one."""
        if self.operating is not None:
            self.do(effects.EndOperation(self.operating, cause))
            self.operating = self.preceded = None

    def fail_operation(self, cause: InterpreterError) -> None:
        """Do the same; an execution that the operation was to precede does not run."""
        preceded = self.preceded
        self.end_operation(cause)
        self.skip(preceded, cause)

    def skip(self, preceded: Submit | None, cause: InterpreterError) -> None:
        """End an execution whose checkpoint could not be taken, if there is one."""
        if preceded is not None:
            self.queue.remove(preceded)
            self.say_end(preceded, verdicts.ended_with_context(Outcome.CANCELLED, cause))

    def end_calls(self) -> None:
        """End all open calls: no answer can reach the code."""
        for number in sorted(self.calls):
            self.end_call(number, CallOutcome.CANCELLED)
        if self.dropped_calls:
            self.do(effects.ClearTimer("dropped"))
            self.dropped_calls = 0

    def end_call(self, number: int, outcome: CallOutcome) -> None:
        assert self.current is not None
        self.calls.remove(number)
        self.do(effects.EndCall(self.current.execution_id, number, outcome))

    def say_end(self, execution: Submit, verdict: Verdict, changed: ChangedFiles | None = None) -> None:
        outcome, error, cause, found = verdict.outcome, verdict.error, verdict.cause, verdict.found
        self.do(effects.Finish(execution.execution_id, outcome, error, cause, found, changed))

    def _stop_others(self, origin: str) -> None:
        """Cancel waiting executions of this origin; looks and messages for comms stay."""
        for queued in [queued for queued in self.queue if isinstance(queued, Submit)]:
            request = queued.request
            if request.origin == origin and request.task is None and request.comm is None:
                self.queue.remove(queued)
                self.say_end(queued, verdicts.stopped())

    def start_worker(self) -> None:
        self.restarted = self.workers_before > 0
        self.ready = None  # its checkpoint is one of another worker
        self.restart_asked = False
        self.do(effects.StartWorker())
        self.state = State.STARTING

    def run_next(self, *, has_turn: bool = False) -> None:
        """Run the next execution of the queue, on a waiting worker, if it may begin."""
        if not self.queue:
            self.state = State.IDLE
            return
        execution = self.queue[0]
        if isinstance(execution, Operate):
            self._operate()
            return
        if execution.request.checkpoint and execution is not self.ready:
            self._precede(execution)
            return
        may_begin = self._may_begin
        if may_begin is not None and not has_turn and execution.request.task is None and not may_begin():
            self.state = State.IDLE
            return
        self.queue.popleft()
        self.current = execution
        self.given_up = self.late = 0
        self.last_call = -1
        self.answered_calls = self.late_calls = 0
        self.input_ended = False
        request = execution.request
        if request.counts:
            self.begun += 1
        run = Run(execution.execution_id, request, self.begun)
        self.do(effects.Begin(execution.execution_id, self.restarted), effects.Send(run))
        if request.timeout_s is not None:
            self.do(effects.SetTimer("timeout", request.timeout_s))
        if request.task is None:  # otherwise the next execution is still the first one
            self.restarted = False
        self.used = True
        self.state = State.RUNNING

    def _operate(self) -> None:
        operation = self.queue.popleft()
        assert isinstance(operation, Operate)
        self.operating = operation.operation_id
        self.do(effects.Perform(operation.operation_id))
        self.used = True
        self.state = State.OPERATING

    def _precede(self, execution: Submit) -> None:
        self.operating, self.preceded = execution.execution_id, execution
        self.do(effects.Precede(execution.execution_id))
        self.used = True
        self.state = State.OPERATING

    def end(self, verdict: Verdict) -> None:
        """Let the worker end by itself; ``verdict`` is as for ``kill``. A worker that has run no code is killed."""
        if not self.used:
            self.kill(verdict)
            return
        self.verdict = verdict
        self.do(effects.ClearTimer("timeout"))
        self.ask_to_end()
        self.state = State.ENDING

    def ask_to_end(self) -> None:
        self.last_words = 0 if self.state is State.IDLE else _LAST_WORDS
        self.last_calls = 0 if self.state is State.IDLE else _LAST_CALLS
        self.do(effects.ClearTimer("grace"), effects.EndWorker(interrupt=self.state is State.RUNNING))
        self.do(effects.SetTimer("grace", END_LIMIT_S))

    def kill(self, verdict: Verdict) -> None:
        """Kill the worker; ``verdict`` is the verdict on the running execution once it has exited."""
        self.verdict = verdict
        self.do(effects.ClearTimer("timeout"))
        self.force()
        self.state = State.ENDING

    def force(self) -> None:
        """Kill the worker. Repeated while it is not gone, this does not extend its time to die."""
        if self.killed:
            self.do(effects.KillWorker())
        else:
            self.killed = True
            self.do(effects.ClearTimer("grace"), effects.KillWorker(), effects.SetTimer("grace", GIVE_UP_AFTER_S))

    def violated(self, what: str) -> None:
        self.kill(verdicts.lost(f"killed: it broke the protocol ({what})"))

    def cancel_queue(self, cause: InterpreterError) -> None:
        for queued in self.queue:
            if isinstance(queued, Operate):
                self.do(effects.EndOperation(queued.operation_id, cause))
            else:
                self.say_end(queued, verdicts.ended_with_context(Outcome.CANCELLED, cause))
        self.queue.clear()

    def is_last_word(self, event: Received) -> bool:
        if isinstance(event.message, Called | Dropped):
            self.last_calls -= 1
            return self.last_calls >= 0
        self.last_words -= 1
        return self.last_words >= 0 and isinstance(event.message, Asked | Done | Exiting | Synced)
