"""A driver of the state machine that checks each effect: it must be possible and useful now."""

from collections import deque

from hypothesis.stateful import RuleBasedStateMachine, invariant
from machine_scripts import (
    ACTIVE,
    CAUSE,
    GRACE_S,
)

from interpreterd.machine.effects import (
    Ask,
    Begin,
    Call,
    ClearTimer,
    Effect,
    EndCall,
    EndWorker,
    Finish,
    GiveUp,
    InterruptWorker,
    KillWorker,
    Send,
    SetTimer,
    StartWorker,
)
from interpreterd.machine.inputs import (
    CallAnswered,
    Cancel,
    Close,
    Exited,
    Input,
    Received,
    Restart,
    WorkerNotStarted,
)
from interpreterd.machine.machine import Machine
from interpreterd.machine.states import State
from interpreterd.model.events import Outcome
from interpreterd.model.functions import CallOutcome
from interpreterd.model.requests import Execute
from interpreterd.pipe.calls import CancelCall, Raise, Return
from interpreterd.pipe.messages import (
    Answer,
    Run,
    Sync,
)


class MachineDriver(RuleBasedStateMachine):
    """Drives a machine as the real driver does, and checks its effects.

    Subclasses choose the inputs.

    The attributes are the driver's view: the worker's process, the running timers, the executions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.it = Machine(queue_limit=100, grace_s=GRACE_S)
        self.starting = False
        self.alive = False
        self.killed = False
        self.mute = False  # the worker broke the protocol: no more messages come from it
        self.told: deque[str] = deque()  # requests that the worker has not answered yet
        self.timers: set[str] = set()
        self.submitted: list[str] = []
        self.waiting: deque[str] = deque()
        self.running: str | None = None
        self.interrupted: set[str] = set()
        self.finished: list[str] = []
        self.restarts_unsaid = False
        self.restart_asked = False
        self.workers = 0
        self.with_input: set[str] = set()
        self.questions = 0
        self.asking: int | None = None
        self.no_more_input: set[str] = set()
        self.with_functions: set[str] = set()
        self.calls = 0
        self.open_calls: set[int] = set()
        self.undropped: set[int] = set()  # calls of the running execution that an honest worker may drop
        self.event: Input

    def feed(self, event: Input) -> None:
        self.event = event
        for effect in self.it.handle(event):
            self.perform(effect)

    def perform(self, effect: Effect) -> None:
        match effect:
            case StartWorker():
                assert not self.starting
                assert not self.alive
                self.starting, self.killed = True, False
                self.restart_asked = False
            case Begin(name, restarted):
                assert self.running is None, "one at a time"
                assert self.waiting.popleft() == name, "first come, first served"
                assert restarted == self.restarts_unsaid
                self.restarts_unsaid = False
                self.running = name
            case Send(Run(execution_id=name, request=Execute(stdin=stdin))):
                assert stdin is (name in self.with_input)
                assert self.alive
                assert not self.killed
                assert not self.told, "the worker is busy"
                assert name == self.running
                self.told.append(name)
            case Send(Sync()):
                assert self.alive
                assert not self.killed
                assert self.running is None
                self.told.append("sync")
            case Ask(name):
                assert name == self.running
                assert name in self.with_input - self.no_more_input - self.interrupted
                self.asking = self.questions
            case Send(Answer(number=number, text=text)):
                assert self.alive
                assert not self.killed
                assert self.running in self.with_input
                assert number == self.questions, "the last one"
                assert text is None or self.running not in self.no_more_input
                if text is None:
                    self.no_more_input.add(self.running)
                self.asking = None
            case Call(called):
                assert called.execution_id == self.running
                assert self.running in self.with_functions - self.interrupted
                self.open_calls.add(called.number)
            case Send(Return(number=number) | Raise(number=number)):
                assert self.alive
                assert not self.killed
                assert number in self.open_calls
            case Send(CancelCall(number=number)):
                assert self.alive
                assert number in self.open_calls or number == self.calls, "open, or the one that comes now"
            case EndCall(name, number, outcome):
                assert name == self.running, "before the end of its execution"
                self.open_calls.remove(number)
                if outcome is not CallOutcome.CANCELLED:
                    assert isinstance(self.event, CallAnswered), "only a client can say so"
            case InterruptWorker():
                assert self.alive
                assert not self.killed
                self.asking = None
                assert self.running is not None, "it would hit the loop between executions"
                assert self.running not in self.interrupted
                self.interrupted.add(self.running)
            case EndWorker(interrupt=interrupt):
                assert self.alive
                assert not self.killed
                assert not interrupt or self.told
                self.asking = None
            case KillWorker():
                assert self.alive or self.starting
                self.killed = True
                self.asking = None
            case GiveUp():
                assert self.killed
                if self.alive:
                    self.die("killed, but not gone")
            case SetTimer(name):
                assert name not in self.timers, "the driver would lose a timer"
                self.timers.add(name)
            case ClearTimer(name):
                self.timers.discard(name)
            case Finish(name, outcome):
                assert name not in self.finished, "once"
                if name == self.running:
                    assert not self.open_calls, "a client would wait for its end"
                    self.running = self.asking = None
                    self.undropped.clear()
                    assert outcome is not Outcome.CANCELLED
                    if outcome is Outcome.COMPLETED:
                        assert isinstance(self.event, Received | Exited), "only the worker can say so"
                    if outcome is Outcome.INTERRUPTED:
                        assert name in self.interrupted
                else:
                    assert outcome is Outcome.CANCELLED
                    if self.event == Cancel(name):
                        self.waiting.remove(name)
                    else:
                        assert isinstance(self.event, WorkerNotStarted | Close) or self.event == Restart(CAUSE, True)
                        assert self.waiting.popleft() == name
                self.finished.append(name)
            case _:
                raise AssertionError(effect)

    @property
    def talks(self) -> bool:
        return self.alive and not self.mute

    @invariant()
    def the_machine_says_the_same_as_its_effects(self) -> None:
        assert self.it.running_id == self.running
        assert self.it.queued == len(self.waiting)
        assert (self.it.asking_id is None) == (self.asking is None)
        assert self.it.asking_id in (None, self.running)
        waiting = {number for number in range(1, self.calls + 1) if self.it.waits_for(str(self.running), number)}
        assert waiting == (self.open_calls if self.it.state is State.RUNNING else set())
        assert self.it.state not in ACTIVE or (self.alive and not self.killed)

    @invariant()
    def timers_run_where_they_can_mean_something(self) -> None:
        assert "timeout" not in self.timers or self.it.state is State.RUNNING
        assert "grace" not in self.timers or self.it.state not in (State.IDLE, State.RUNNING)
        if self.it.state in (State.INTERRUPTING, State.SETTLING):
            assert "grace" in self.timers, "an execution would wait for ever"
        if self.it.state is State.ENDING or (self.it.state is State.CLOSED and self.alive):
            assert "grace" in self.timers, "an execution would wait for ever"

    @invariant()
    def a_restart_comes(self) -> None:
        assert not self.restart_asked or self.alive or self.it.state is State.CLOSED

    @invariant()
    def queued_executions_have_a_worker(self) -> None:
        assert not self.waiting or self.starting or self.alive

    @invariant()
    def every_execution_is_somewhere(self) -> None:
        here = [*self.finished, *([self.running] if self.running else []), *self.waiting]
        assert sorted(here) == sorted(self.submitted)
