"""What the machine does in a transition: each action is a method, which ``table.py`` names.

An action changes the state of its object and collects effects; ``Machine.handle`` calls it and checks where it led.
"""

from typing import Final

from interpreterd.machine import moves
from interpreterd.machine import verdicts as verdicts
from interpreterd.machine.steps import Steps
from interpreterd.machine.table import State
from interpreterd.machine.verdicts import Verdict
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Outcome
from interpreterd.pipe.messages import Answer, Asked, Done, Exiting, Sync, Synced

# One question is open at a time, and answered once. Yet code may give one up, by an alarm, and ask again: the worker
# then waits 50 ms. And the end of the input may be said while the worker asks already.
GIVEN_UP_LIMIT: Final = 40  # questions that a worker may give up in ``GIVEN_UP_S``
GIVEN_UP_S: Final = 1.0
LATE_LIMIT: Final = 3  # questions after the end of the input, in one execution


class Actions(Steps):
    """The actions, named for their inputs."""

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
        self._do(moves.ClearTimer("timeout"), moves.ClearTimer("grace"), moves.SetTimer("grace", self.grace_s))
        self.state = State.ENDING

    def on_received_settling(self, event: moves.Received) -> None:
        if isinstance(event.message, Synced):
            self._do(moves.ClearTimer("grace"))
            self._next()
        else:
            self._violated(f"unexpected {type(event.message).__name__}")

    def on_received_ending(self, event: moves.Received) -> None:
        """A worker that calls exit handlers has nothing to say: each message takes time from other contexts."""
        if not self._is_last_word(event) and self._verdict is not None:
            self._kill(self._verdict)

    def on_received_closed(self, event: moves.Received) -> None:
        if not self._is_last_word(event):
            self._force()

    def on_broken(self, event: moves.Broken) -> None:
        self._violated(event.reason)

    def on_exited(self, event: moves.Exited) -> None:
        """The worker is gone; so is what it ran."""
        self._do(moves.ClearTimer("grace"))
        self._used = self._killed = False
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
        self._do(moves.ClearTimer("timeout"), moves.Interrupt(), moves.SetTimer("grace", self.grace_s))
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
        self._end(verdicts.ended_with_context(Outcome.LOST, event.cause))

    def on_timer_grace(self, event: moves.TimerFired) -> None:
        if event.name == "grace":
            self._kill(self._verdict or verdicts.lost("killed: it did not answer"))

    def on_timer_ending(self, event: moves.TimerFired) -> None:
        if event.name == "grace" and self._killed:
            self._do(moves.GiveUp())
        else:
            self.on_timer_grace(event)

    def on_timer_closed(self, event: moves.TimerFired) -> None:
        if event.name == "grace" and self._killed:
            self._do(moves.GiveUp())
        elif event.name == "grace":
            self._force()

    def on_close(self, event: moves.Close) -> None:
        """Tell everyone; the worker has a moment to end by itself."""
        self._finish(verdicts.ended_with_context(Outcome.LOST, event.cause))
        self._cancel_queue(event.cause)
        if self._used and not self._killed:
            self._ask_to_end()
        elif self.state is State.STARTING:
            self._do(moves.Kill())
        elif self.state is not State.EMPTY:
            self._force()
        self.state = State.CLOSED

    def on_exited_closed(self, event: moves.Exited) -> None:
        self._do(moves.ClearTimer("grace"))
