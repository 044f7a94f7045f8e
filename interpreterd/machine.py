"""The life of one context, without I/O: inputs go in, effects come out.

A context has at most one worker, a queue of executions, and at most one execution that runs. ``State`` says where its
worker stands; ``transitions.py`` is the table of everything that may happen there. ``Machine.handle`` takes an input
and returns what the driver (``context.py``) is to do, in that order.

Three rules explain the table:

* **An execution ends exactly once.** Only ``_finish`` says so, and it forgets the execution.
* **An interrupt hits its own execution or nothing.** ``Interrupt`` (SIGINT) is sent at most once, while the execution
  runs as far as the machine knows. It may have ended by itself meanwhile; so before the next one the worker is asked to
  forget interrupts (``SETTLING``).
* **A worker is never believed.** A message that does not fit the state is a ``Broken`` worker: it is killed, its
  execution is lost, the next one gets a new worker.

Time is data: the effect ``SetTimer("grace", 2.0)`` comes back as the input ``TimerFired("grace")``.
"""

from collections import deque
from typing import Final

from interpreterd.errors import (
    ExecutionInterrupted,
    ExecutionTimedOut,
    InterpreterError,
    LimitReached,
    WorkerStartFailed,
)
from interpreterd.messages import Done, Exiting, Run, Sync, Synced
from interpreterd.moves import (
    Begin,
    Broken,
    ClearTimer,
    Close,
    Effect,
    Execution,
    Exited,
    Finish,
    Input,
    Interrupt,
    InterruptRequested,
    Kill,
    Received,
    Send,
    SetTimer,
    Start,
    Started,
    StartFailed,
    StartWorker,
    Submit,
    TimerFired,
)
from interpreterd.schema import Failure, Outcome
from interpreterd.transitions import ACTIVE, TRANSITIONS, State
from interpreterd.verdict import Verdict, judge, lost, when_gone

CONTEXT_ERROR: Final = "ContextError"


class InvalidTransition(Exception):
    """The driver gave an input that cannot come in this state: a mistake in the daemon."""


class Machine:
    """One context. Not thread-safe, never blocks, does no I/O.

    Attributes:
        state: Where the worker stands.
    """

    def __init__(self, *, queue_limit: int, grace_s: float) -> None:
        """Limit the queue to ``queue_limit`` executions, beyond the one that runs; wait ``grace_s`` before force."""
        self.state = State.EMPTY
        self._queue_limit = queue_limit
        self._grace_s = grace_s
        self._queue: deque[Execution] = deque()
        self._current: Execution | None = None
        self._verdict: Verdict | None = None
        self._workers_before = 0
        self._restarted = False
        self._effects: list[Effect] = []

    @property
    def active(self) -> bool:
        """Whether a worker is there that can run code."""
        return self.state in ACTIVE

    @property
    def running_id(self) -> str | None:
        """The id of the execution that runs."""
        return self._current.id if self._current else None

    @property
    def queued(self) -> int:
        """How many executions wait for the one that runs."""
        return len(self._queue)

    def check_room(self) -> None:
        """Raise ``LimitReached`` if the queue is full."""
        if len(self._queue) >= self._queue_limit:
            raise LimitReached(f"the context's queue is full: its limit is {self._queue_limit} executions")

    def handle(self, event: Input) -> list[Effect]:
        """Return the effects of ``event``, in order.

        Raises:
            InvalidTransition: ``event`` cannot come in this state.
        """
        before = self.state
        rule = TRANSITIONS[before].get(type(event))
        if rule is None:
            raise InvalidTransition(f"{type(event).__name__} while {before.value}")
        self._effects = []
        getattr(self, rule.action)(event)
        if self.state not in rule.leads_to:
            raise InvalidTransition(f"{type(event).__name__} led from {before.value} to {self.state.value}")
        return self._effects

    # What the actions are made of

    def _do(self, *effects: Effect) -> None:
        self._effects.extend(effects)

    def _finish(self, verdict: Verdict) -> None:
        """End the execution that runs, if there is one."""
        if self._current is not None:
            self._do(ClearTimer("timeout"))
            self._do(Finish(self._current.id, verdict.outcome, verdict.error, verdict.cause))
        self._current = self._verdict = None

    def _start_worker(self) -> None:
        self._restarted = self._workers_before > 0
        self._do(StartWorker())
        self.state = State.STARTING

    def _next(self) -> None:
        """Run the next execution of the queue, on a worker that waits."""
        if not self._queue:
            self.state = State.IDLE
            return
        self._current = execution = self._queue.popleft()
        request = execution.request
        self._do(
            Begin(execution.id, self._restarted),
            Send(Run(execution_id=execution.id, code=request.code, envs=request.envs)),
        )
        if request.timeout_s is not None:
            self._do(SetTimer("timeout", request.timeout_s))
        self._restarted = False
        self.state = State.RUNNING

    def _kill(self, verdict: Verdict) -> None:
        """Kill the worker; ``verdict`` is what its exit will mean for the execution that runs."""
        self._verdict = verdict
        self._do(ClearTimer("timeout"), ClearTimer("grace"), Kill())
        self.state = State.ENDING

    def _violated(self, what: str) -> None:
        self._kill(lost(f"killed: it broke the protocol ({what})"))

    # Actions, named for their inputs

    def ignore(self, event: Input) -> None:
        pass

    def on_start(self, event: Start) -> None:
        self._start_worker()

    def on_enqueue(self, event: Submit) -> None:
        self._queue.append(event.execution)

    def on_enqueue_and_start(self, event: Submit) -> None:
        self._queue.append(event.execution)
        self._start_worker()

    def on_enqueue_and_run(self, event: Submit) -> None:
        self._queue.append(event.execution)
        self._next()

    def on_started(self, event: Started) -> None:
        self._workers_before += 1
        self._next()

    def on_start_failed(self, event: StartFailed) -> None:
        verb = "restart" if self._workers_before else "start"
        cause = WorkerStartFailed(f"failed to {verb} context: {event.reason}")
        self._cancel_queue(cause)
        self.state = State.EMPTY

    def _cancel_queue(self, cause: InterpreterError) -> None:
        for execution in self._queue:
            self._do(Finish(execution.id, Outcome.CANCELLED, Failure(name=CONTEXT_ERROR, value=str(cause)), cause))
        self._queue.clear()

    def on_received_idle(self, event: Received) -> None:
        self._violated(f"unexpected {type(event.message).__name__}")

    def on_received_running(self, event: Received) -> None:
        match event.message:
            case Done(execution_id=execution_id, error=error) if execution_id == self.running_id:
                self._finish(Verdict(Outcome.COMPLETED, error))
                self._next()
            case Exiting(execution_id=execution_id) if execution_id == self.running_id:
                self._exiting(Verdict(Outcome.COMPLETED))
            case message:
                self._violated(f"unexpected {type(message).__name__}")

    def on_received_interrupting(self, event: Received) -> None:
        assert self._verdict is not None
        match event.message:
            case Done(execution_id=execution_id, error=error) if execution_id == self.running_id:
                self._finish(judge(self._verdict, error))
                self._do(ClearTimer("grace"), Send(Sync()), SetTimer("grace", self._grace_s))
                self.state = State.SETTLING
            case Exiting(execution_id=execution_id) if execution_id == self.running_id:
                self._exiting(judge(self._verdict, None))
            case message:
                self._violated(f"unexpected {type(message).__name__}")

    def _exiting(self, verdict: Verdict) -> None:
        """Let ``exit()`` run its course; output of exit handlers still belongs to the execution."""
        self._verdict = verdict
        self._do(ClearTimer("timeout"), ClearTimer("grace"), SetTimer("grace", self._grace_s))
        self.state = State.ENDING

    def on_received_settling(self, event: Received) -> None:
        if isinstance(event.message, Synced):
            self._do(ClearTimer("grace"))
            self._next()
        else:
            self._violated(f"unexpected {type(event.message).__name__}")

    def on_received_ending(self, event: Received) -> None:
        """A worker that calls exit handlers has nothing to say: each message takes time from other contexts."""
        if self._verdict is not None:
            self._kill(self._verdict)

    def on_broken(self, event: Broken) -> None:
        self._violated(event.reason)

    def on_exited(self, event: Exited) -> None:
        """The worker is gone; so is what it ran."""
        self._do(ClearTimer("grace"))
        self._finish(when_gone(self._verdict, event.how))
        if self._queue:
            self._start_worker()
        else:
            self.state = State.EMPTY

    def on_timer_running(self, event: TimerFired) -> None:
        assert self._current is not None
        if event.name == "timeout":
            cause = ExecutionTimedOut(f"execution timed out after {self._current.request.timeout_s} s")
            self._interrupt(Verdict(Outcome.INTERRUPTED, Failure(name="TimeoutError", value=str(cause)), cause))

    def on_interrupt_running(self, event: InterruptRequested) -> None:
        cause = ExecutionInterrupted("interrupted by a client")
        failure = Failure(name="KeyboardInterrupt", value="")
        self._interrupt(Verdict(Outcome.INTERRUPTED, failure, cause, replaceable=True))

    def _interrupt(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._do(ClearTimer("timeout"), Interrupt(), SetTimer("grace", self._grace_s))
        self.state = State.INTERRUPTING

    def on_timer_grace(self, event: TimerFired) -> None:
        if event.name == "grace":
            self._kill(self._verdict or lost("killed: it did not answer"))

    def on_close(self, event: Close) -> None:
        failure = Failure(name=CONTEXT_ERROR, value=str(event.cause))
        self._do(ClearTimer("grace"))
        self._finish(Verdict(Outcome.LOST, failure, event.cause))
        self._cancel_queue(event.cause)
        if self.state is not State.EMPTY:
            self._do(Kill())
        self.state = State.CLOSED
