"""The actions of the machine in its transitions: each is a method that ``table.py`` names.

An action changes the state of its object and collects effects; ``Machine.handle`` calls it and checks the new state.
"""

from typing import Final

import attrs

from interpreterd.machine import effects, inputs, verdicts
from interpreterd.machine.operations import OperationSteps
from interpreterd.machine.states import State
from interpreterd.machine.verdicts import Verdict
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Outcome
from interpreterd.model.state_errors import OperationFailed
from interpreterd.pipe.calls import Called, Dropped
from interpreterd.pipe.messages import Answer, Asked, Done, Exiting, Sync, Synced

# One question is open at a time, and answered once. Yet code may give a question up, by an alarm, and ask again: the
# worker then waits 50 ms. And the end of the input may be sent while the worker is already asking.
GIVEN_UP_LIMIT: Final = 40  # questions that a worker may give up in ``GIVEN_UP_S``
GIVEN_UP_S: Final = 1.0
LATE_LIMIT: Final = 3  # questions after the end of the input, in one execution


class Actions(OperationSteps):
    """The actions, named for their inputs."""

    def ignore(self, event: inputs.Input) -> None: ...

    def on_start(self, event: inputs.Start | inputs.Restart) -> None:
        self.start_worker()

    def on_enqueue(self, event: inputs.Submit | inputs.Operate) -> None:
        self.queue.append(event)

    def on_enqueue_and_start(self, event: inputs.Submit | inputs.Operate) -> None:
        self.queue.append(event)
        self.start_worker()

    def on_enqueue_and_run(self, event: inputs.Submit) -> None:
        self.queue.append(event)
        self.run_next()

    def on_turn(self, event: inputs.Turn) -> None:
        self.run_next(has_turn=True)

    def on_started(self, event: inputs.WorkerStarted) -> None:
        self.workers_before += 1
        self.used = event.used
        self.run_next()

    def on_not_started(self, event: inputs.WorkerNotStarted) -> None:
        verb = "restart" if self.workers_before else "start"
        cause = WorkerStartFailed(f"failed to {verb} context: {event.reason}")
        self.cancel_queue(cause)
        self.state = State.EMPTY

    def on_received_idle(self, event: inputs.Received) -> None:
        self.violated(f"unexpected {type(event.message).__name__}")

    def on_received_running(self, event: inputs.Received) -> None:
        match event.message:
            case Done(execution_id=execution_id, error=error, found=found, files=files) if (
                execution_id == self.running_id
            ):
                self.changed = files
                self.finish(Verdict(Outcome.COMPLETED, error, found=found))
                self.run_next()
            case Exiting(execution_id=execution_id, files=files) if execution_id == self.running_id:
                self.changed = files
                self._exiting(Verdict(Outcome.COMPLETED))
            case Asked() as asked if self._may_ask(asked):
                self.asked = asked.number
                if self.input_ended:
                    self._answer(asked.number, None)
                else:
                    self.do(effects.Ask(asked.execution_id, asked.prompt, asked.password))
            case Called() as called if self.may_call(called):
                self.begin_call(called)
            case Dropped() as dropped if self.may_drop(dropped):
                self.drop_call(dropped)
            case message:
                self.violated(f"unexpected {type(message).__name__}")

    def _may_ask(self, asked: Asked) -> bool:
        if self.current is None or not self.current.request.stdin or asked.execution_id != self.running_id:
            return False
        if self.input_ended:
            self.late += 1
        elif self.asked is not None:
            self.given_up += 1
            if self.given_up == 1:
                self.do(effects.SetTimer("given up", GIVEN_UP_S))
        return self.late <= LATE_LIMIT and self.given_up <= GIVEN_UP_LIMIT

    def on_answered(self, event: inputs.Answered) -> None:
        if self.asked is not None and event.execution_id == self.running_id:
            self._answer(self.asked, event.text)

    def on_call_answered(self, event: inputs.CallAnswered) -> None:
        self.take_answer(event)

    def _answer(self, number: int, text: str | None) -> None:
        self.asked = None
        self.input_ended = text is None
        self.do(effects.Send(Answer(number=number, text=text)))

    def on_received_interrupting(self, event: inputs.Received) -> None:
        assert self.verdict is not None
        match event.message:
            case Done(execution_id=execution_id, error=error, found=found, files=files) if (
                execution_id == self.running_id
            ):
                self.changed = files
                self.finish(attrs.evolve(verdicts.judge(self.verdict, error), found=found))
                self.do(effects.ClearTimer("grace"), effects.Send(Sync()), effects.SetTimer("grace", self.grace_s))
                self.state = State.SETTLING
            case Exiting(execution_id=execution_id, files=files) if execution_id == self.running_id:
                self.changed = files
                self._exiting(verdicts.judge(self.verdict, None))
            case Asked() as asked if self._may_ask(asked):
                self._answer(asked.number, None)  # the execution is to end
            case Called() as called if self.may_call(called):
                self.refuse_call(called)
            case Dropped() as dropped if self.may_drop(dropped):
                pass
            case message:
                self.violated(f"unexpected {type(message).__name__}")

    def _exiting(self, verdict: Verdict) -> None:
        """Let ``exit()`` run its course; output of exit handlers still belongs to the execution."""
        self.verdict = verdict
        self.end_calls()
        self.do(effects.ClearTimer("timeout"), effects.ClearTimer("grace"), effects.SetTimer("grace", self.grace_s))
        self.state = State.ENDING

    def on_received_settling(self, event: inputs.Received) -> None:
        if isinstance(event.message, Synced):
            self.do(effects.ClearTimer("grace"))
            self.run_next()
        else:
            self.violated(f"unexpected {type(event.message).__name__}")

    def on_received_ending(self, event: inputs.Received) -> None:
        """A worker that runs exit handlers need not send messages: each one takes time from other contexts."""
        if not self.is_last_word(event) and self.verdict is not None:
            self.kill(self.verdict)

    def on_received_closed(self, event: inputs.Received) -> None:
        if not self.is_last_word(event):
            self.force()

    def on_broken(self, event: inputs.Broken) -> None:
        self.violated(event.reason)

    def on_exited(self, event: inputs.Exited) -> None:
        """The worker is gone, and so is its execution."""
        self.do(effects.ClearTimer("grace"))
        self.fail_operation(OperationFailed(f"the context's worker has ended: {event.how}"))
        self.used = self.killed = False
        self.finish(verdicts.died(self.verdict, event.how))
        if self.queue or self.restart_asked:
            self.start_worker()
        else:
            self.state = State.EMPTY

    def on_timer_running(self, event: inputs.TimerFired) -> None:
        assert self.current is not None
        if event.name == "given up":
            self.given_up = 0
        elif event.name == "dropped":
            self.dropped_calls = 0
        elif event.name == "timeout":
            self._interrupt(verdicts.timed_out(self.current.request.timeout_s))

    def on_interrupt_running(self, event: inputs.InterruptRequested) -> None:
        self._interrupt(verdicts.interrupted())

    def on_exceeded_running(self, event: inputs.Exceeded) -> None:
        if event.kill:
            self.kill(verdicts.lost(event.what))
        else:
            self._interrupt(verdicts.exceeded(event.what))

    def on_exceeded(self, event: inputs.Exceeded) -> None:
        """Nothing runs, or it is being interrupted: only a worker that must be killed has to go."""
        if event.kill:
            self.kill(verdicts.lost(event.what))

    def on_exceeded_ending(self, event: inputs.Exceeded) -> None:
        """Exit handlers exceed a limit; or the worker was killed, and is not gone yet."""
        if event.kill:
            verdict = self.verdict
            if verdict is None or verdict.outcome is Outcome.COMPLETED:
                verdict = verdicts.lost(event.what)
            self.kill(verdict)

    def _interrupt(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.do(effects.ClearTimer("timeout"), effects.InterruptWorker(), effects.SetTimer("grace", self.grace_s))
        self.cancel_calls()
        self.state = State.INTERRUPTING

    def on_cancel(self, event: inputs.Cancel) -> None:
        for queued in list(self.queue):
            if isinstance(queued, inputs.Submit) and queued.execution_id == event.execution_id:
                self.queue.remove(queued)
                self.say_end(queued, verdicts.cancelled())
                if queued is self.preceded:
                    self.preceded = None
        if self.state is State.IDLE:
            self.operate_next()

    def on_restart_starting(self, event: inputs.Restart) -> None:
        """A new worker is already starting."""
        if event.cancel_queued:
            self.cancel_queue(event.cause)

    def on_restart_ending(self, event: inputs.Restart) -> None:
        self.restart_asked = True
        self.on_restart_starting(event)

    def on_restart(self, event: inputs.Restart) -> None:
        self.on_restart_ending(event)
        self.end(verdicts.ended_with_context(Outcome.LOST, event.cause))

    def on_restart_operating(self, event: inputs.Restart) -> None:
        self.end_operation(event.cause)
        self.on_restart(event)

    def on_timer_grace(self, event: inputs.TimerFired) -> None:
        if event.name == "grace":
            self.kill(self.verdict or verdicts.lost("killed: it did not answer"))

    def on_timer_ending(self, event: inputs.TimerFired) -> None:
        if event.name == "grace" and self.killed:
            self.do(effects.GiveUp())
        else:
            self.on_timer_grace(event)

    def on_timer_closed(self, event: inputs.TimerFired) -> None:
        if event.name == "grace" and self.killed:
            self.do(effects.GiveUp())
        elif event.name == "grace":
            self.force()

    def on_close(self, event: inputs.Close) -> None:
        """End every execution; the worker has a moment to end by itself."""
        if self.state is State.RUNNING:
            self.cancel_calls()
        self.end_operation(event.cause)
        self.finish(verdicts.ended_with_context(Outcome.LOST, event.cause))
        self.cancel_queue(event.cause)
        if self.used and not self.killed:
            self.ask_to_end()
        elif self.state is State.STARTING:
            self.do(effects.KillWorker())
        elif self.state is not State.EMPTY:
            self.force()
        self.state = State.CLOSED

    def on_exited_closed(self, event: inputs.Exited) -> None:
        self.do(effects.ClearTimer("grace"))
