"""What the machine does in a transition: each action is a method, which ``transitions.py`` names.

An action changes the state of its object and collects effects; ``Machine.handle`` calls it and checks where it led.
"""

from collections import deque
from typing import Final

from interpreterd import moves
from interpreterd import verdict as verdicts
from interpreterd.errors import InterpreterError, WorkerStartFailed
from interpreterd.messages import Answer, Asked, Done, Exiting, Run, Sync, Synced
from interpreterd.schema import Outcome
from interpreterd.transitions import State
from interpreterd.verdict import Verdict

# One question is open at a time, and answered once. Yet code may give one up, by an alarm, and ask again: the worker
# then waits 50 ms. And the end of the input may be said while the worker asks already.
GIVEN_UP_LIMIT: Final = 100  # questions that a worker may give up in ``GIVEN_UP_S``
GIVEN_UP_S: Final = 1.0
LATE_LIMIT: Final = 3  # questions after the end of the input, in one execution


class Actions:
    """The state of a machine, and what may be done with it."""

    def __init__(self, *, queue_limit: int, grace_s: float) -> None:
        """Limit the queue to ``queue_limit`` executions, beyond the one that runs; wait ``grace_s`` before force."""
        self.state = State.EMPTY
        self._queue_limit = queue_limit
        self._grace_s = grace_s
        self._queue: deque[moves.Submit] = deque()
        self._current: moves.Submit | None = None
        self._verdict: Verdict | None = None
        self._workers_before = 0
        self._restarted = False
        self._restart_asked = False
        self._asked: int | None = None  # the number of what it waits for
        self._given_up = 0  # questions, since the timer of that name was set
        self._input_ended = False
        self._late = 0
        self._effects: list[moves.Effect] = []

    @property
    def running_id(self) -> str | None:
        """The id of the execution that runs."""
        return self._current.execution_id if self._current else None

    # What the actions are made of

    def _do(self, *effects: moves.Effect) -> None:
        self._effects.extend(effects)

    def _finish(self, verdict: Verdict) -> None:
        """End the execution that runs, if there is one."""
        if self._current is not None:
            self._do(moves.ClearTimer("timeout"))
            if self._given_up:
                self._do(moves.ClearTimer("given up"))
            self._say_end(self._current, verdict)
        self._current = self._verdict = self._asked = None

    def _say_end(self, execution: moves.Submit, verdict: Verdict) -> None:
        self._do(moves.Finish(execution.execution_id, verdict.outcome, verdict.error, verdict.cause))

    def _start_worker(self) -> None:
        self._restarted = self._workers_before > 0
        self._restart_asked = False
        self._do(moves.StartWorker())
        self.state = State.STARTING

    def _next(self) -> None:
        """Run the next execution of the queue, on a worker that waits."""
        if not self._queue:
            self.state = State.IDLE
            return
        self._current = execution = self._queue.popleft()
        self._given_up = self._late = 0
        self._input_ended = False
        request = execution.request
        run = Run.of(execution.execution_id, request)
        self._do(moves.Begin(execution.execution_id, self._restarted), moves.Send(run))
        if request.timeout_s is not None:
            self._do(moves.SetTimer("timeout", request.timeout_s))
        self._restarted = False
        self.state = State.RUNNING

    def _kill(self, verdict: Verdict) -> None:
        """Kill the worker; ``verdict`` is what its exit will mean for the execution that runs."""
        self._verdict = verdict
        self._do(moves.ClearTimer("timeout"), moves.ClearTimer("grace"), moves.Kill())
        self.state = State.ENDING

    def _violated(self, what: str) -> None:
        self._kill(verdicts.lost(f"killed: it broke the protocol ({what})"))

    # Actions, named for their inputs

    def ignore(self, event: moves.Input) -> None: ...

    def on_start(self, event: moves.Start) -> None:
        self._start_worker()

    def on_enqueue(self, event: moves.Submit) -> None:
        self._queue.append(event)

    def on_enqueue_and_start(self, event: moves.Submit) -> None:
        self._queue.append(event)
        self._start_worker()

    def on_enqueue_and_run(self, event: moves.Submit) -> None:
        self._queue.append(event)
        self._next()

    def on_started(self, event: moves.Started) -> None:
        self._workers_before += 1
        self._next()

    def on_start_failed(self, event: moves.StartFailed) -> None:
        verb = "restart" if self._workers_before else "start"
        cause = WorkerStartFailed(f"failed to {verb} context: {event.reason}")
        self._cancel_queue(cause)
        self.state = State.EMPTY

    def _cancel_queue(self, cause: InterpreterError) -> None:
        for queued in self._queue:
            self._say_end(queued, verdicts.ended_with_context(Outcome.CANCELLED, cause))
        self._queue.clear()

    def on_received_idle(self, event: moves.Received) -> None:
        self._violated(f"unexpected {type(event.message).__name__}")

    def on_received_running(self, event: moves.Received) -> None:
        match event.message:
            case Done(execution_id=execution_id, error=error) if execution_id == self.running_id:
                self._finish(Verdict(Outcome.COMPLETED, error))
                self._next()
            case Exiting(execution_id=execution_id) if execution_id == self.running_id:
                self._exiting(Verdict(Outcome.COMPLETED))
            case Asked() as asked if self._may_ask(asked):
                self._asked = asked.number
                if self._input_ended:
                    self._answer(asked.number, None)
                else:
                    self._do(moves.Ask(asked.execution_id, asked.prompt, asked.password))
            case message:
                self._violated(f"unexpected {type(message).__name__}")

    def _may_ask(self, asked: Asked) -> bool:
        if self._current is None or not self._current.request.stdin or asked.execution_id != self.running_id:
            return False
        if self._input_ended:
            self._late += 1
        elif self._asked is not None:
            self._given_up += 1
            if self._given_up == 1:
                self._do(moves.SetTimer("given up", GIVEN_UP_S))
        return self._late <= LATE_LIMIT and self._given_up <= GIVEN_UP_LIMIT

    def on_answered(self, event: moves.Answered) -> None:
        if self._asked is not None and event.execution_id == self.running_id:
            self._answer(self._asked, event.text)

    def _answer(self, number: int, text: str | None) -> None:
        self._asked = None
        self._input_ended = text is None
        self._do(moves.Send(Answer(number=number, text=text)))

    def on_received_interrupting(self, event: moves.Received) -> None:
        assert self._verdict is not None
        match event.message:
            case Done(execution_id=execution_id, error=error) if execution_id == self.running_id:
                self._finish(verdicts.judge(self._verdict, error))
                self._do(moves.ClearTimer("grace"), moves.Send(Sync()), moves.SetTimer("grace", self._grace_s))
                self.state = State.SETTLING
            case Exiting(execution_id=execution_id) if execution_id == self.running_id:
                self._exiting(verdicts.judge(self._verdict, None))
            case Asked() as asked if self._may_ask(asked):
                self._answer(asked.number, None)  # it is to end
            case message:
                self._violated(f"unexpected {type(message).__name__}")

    def _exiting(self, verdict: Verdict) -> None:
        """Let ``exit()`` run its course; output of exit handlers still belongs to the execution."""
        self._verdict = verdict
        self._do(moves.ClearTimer("timeout"), moves.ClearTimer("grace"), moves.SetTimer("grace", self._grace_s))
        self.state = State.ENDING

    def on_received_settling(self, event: moves.Received) -> None:
        if isinstance(event.message, Synced):
            self._do(moves.ClearTimer("grace"))
            self._next()
        else:
            self._violated(f"unexpected {type(event.message).__name__}")

    def on_received_ending(self, event: moves.Received) -> None:
        """A worker that calls exit handlers has nothing to say: each message takes time from other contexts."""
        if self._verdict is not None:
            self._kill(self._verdict)

    def on_broken(self, event: moves.Broken) -> None:
        self._violated(event.reason)

    def on_exited(self, event: moves.Exited) -> None:
        """The worker is gone; so is what it ran."""
        self._do(moves.ClearTimer("grace"))
        self._finish(verdicts.when_gone(self._verdict, event.how))
        if self._queue or self._restart_asked:
            self._start_worker()
        else:
            self.state = State.EMPTY

    def on_timer_running(self, event: moves.TimerFired) -> None:
        assert self._current is not None
        if event.name == "given up":
            self._given_up = 0
        elif event.name == "timeout":
            self._interrupt(verdicts.timed_out(self._current.request.timeout_s))

    def on_interrupt_running(self, event: moves.InterruptRequested) -> None:
        self._interrupt(verdicts.interrupted())

    def on_exceeded_running(self, event: moves.Exceeded) -> None:
        if event.kill:
            self._kill(verdicts.lost(event.what))
        else:
            self._interrupt(verdicts.exceeded(event.what))

    def on_exceeded(self, event: moves.Exceeded) -> None:
        """Nothing runs, or it is being interrupted: only a worker that is too much for the machine has to go."""
        if event.kill:
            self._kill(verdicts.lost(event.what))

    def on_exceeded_ending(self, event: moves.Exceeded) -> None:
        """Exit handlers have used too much; or it was killed, and was not gone yet."""
        if event.kill:
            verdict = self._verdict
            if verdict is None or verdict.outcome is Outcome.COMPLETED:
                verdict = verdicts.lost(event.what)
            self._kill(verdict)

    def _interrupt(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._do(moves.ClearTimer("timeout"), moves.Interrupt(), moves.SetTimer("grace", self._grace_s))
        self.state = State.INTERRUPTING

    def on_cancel(self, event: moves.Cancel) -> None:
        for queued in [queued for queued in self._queue if queued.execution_id == event.execution_id]:
            self._queue.remove(queued)
            self._say_end(queued, verdicts.cancelled())

    def on_restart_starting(self, event: moves.Restart) -> None:
        """A new worker is on its way."""
        if event.cancel_queued:
            self._cancel_queue(event.cause)

    def on_restart_ending(self, event: moves.Restart) -> None:
        self._restart_asked = True
        self.on_restart_starting(event)

    def on_restart(self, event: moves.Restart) -> None:
        self.on_restart_ending(event)
        self._kill(verdicts.ended_with_context(Outcome.LOST, event.cause))

    def on_timer_grace(self, event: moves.TimerFired) -> None:
        if event.name == "grace":
            self._kill(self._verdict or verdicts.lost("killed: it did not answer"))

    def on_close(self, event: moves.Close) -> None:
        self._do(moves.ClearTimer("grace"))
        self._finish(verdicts.ended_with_context(Outcome.LOST, event.cause))
        self._cancel_queue(event.cause)
        if self.state is not State.EMPTY:
            self._do(moves.Kill())
        self.state = State.CLOSED
