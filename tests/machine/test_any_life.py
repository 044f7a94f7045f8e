"""Random sequences of inputs: the machine's invariants always hold."""

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from machine_driver import MachineDriver
from machine_scripts import (
    CAUSE,
    INTERRUPTED,
    NAME_ERROR,
    done,
)

from interpreterd.machine.inputs import (
    Answered,
    Broken,
    CallAnswered,
    Cancel,
    Close,
    Exceeded,
    Exited,
    InterruptRequested,
    Received,
    Restart,
    Start,
    Submit,
    TimerFired,
    WorkerNotStarted,
    WorkerStarted,
)
from interpreterd.machine.states import State
from interpreterd.model.displays import Json
from interpreterd.model.functions import HostFunction, HostRaised, Returned
from interpreterd.model.requests import Execute
from interpreterd.pipe.calls import Called, Dropped
from interpreterd.pipe.messages import (
    Asked,
    Configured,
    Done,
    Exiting,
    Failed,
    Ready,
    Synced,
)

MESSAGES = st.sampled_from([Ready(pid=1, python="3.11.7"), Configured(), Failed(reason="why"), Synced()])


class AnyLife(MachineDriver):
    """A random life of a context; its worker may break the protocol."""

    @initialize(early=st.booleans())
    def create(self, early: bool) -> None:
        if early:
            self.feed(Start())

    @precondition(lambda self: self.it.state is not State.CLOSED)
    @rule(timeout_s=st.sampled_from([None, 5]), stdin=st.booleans(), calls=st.booleans())
    def submit(self, timeout_s: int | None, stdin: bool, calls: bool) -> None:
        name = f"e{len(self.submitted)}"
        self.submitted.append(name)
        self.waiting.append(name)
        if stdin:
            self.with_input.add(name)
        if calls:
            self.with_functions.add(name)
        functions = (HostFunction(name="f"),) if calls else ()
        self.feed(Submit(name, Execute(code=f"code of {name}", timeout_s=timeout_s, stdin=stdin, functions=functions)))

    @precondition(lambda self: self.starting)
    @rule(fails=st.sampled_from([False, False, False, True]))
    def start_ends(self, fails: bool) -> None:
        self.starting = False
        if self.killed:
            return
        if fails:
            self.feed(WorkerNotStarted("why"))
            return
        self.alive, self.killed, self.mute = True, False, False
        self.told.clear()
        self.restarts_unsaid = self.workers > 0
        self.workers += 1
        self.feed(WorkerStarted())

    @precondition(lambda self: self.talks and self.told)
    @rule(error=st.sampled_from([None, NAME_ERROR, INTERRUPTED, "exit"]))
    def answer(self, error: Any) -> None:
        asked = self.told.popleft()
        if asked == "sync":
            self.feed(Received(Synced()))
        elif error == "exit":
            self.asking = None
            self.feed(Received(Exiting(execution_id=asked)))
        else:
            self.feed(done(asked, error))

    @precondition(lambda self: self.talks)
    @rule(data=st.data())
    def misbehave(self, data: st.DataObject) -> None:
        names = st.sampled_from(self.submitted or ["foreign"])
        lies = st.one_of(
            MESSAGES,
            names.map(lambda name: Done(execution_id=name)),
            names.map(lambda name: Exiting(execution_id=name)),
            names.map(lambda name: Dropped(execution_id=name, number=self.calls + 1)),
            st.none(),
        )
        message = data.draw(lies)
        if message is None:
            self.mute = True
            self.feed(Broken("not JSON"))
            return
        if isinstance(message, Exiting) and message.execution_id == self.running:
            self.asking = None
        if isinstance(message, Dropped):
            self.undropped.clear()  # it stands for one of them
        claimed = "sync" if isinstance(message, Synced) else getattr(message, "execution_id", None)
        self.told = deque(asked for asked in self.told if asked != claimed)
        self.feed(Received(message))

    @precondition(lambda self: self.alive)
    @rule(how=st.sampled_from(["exit status 0", "killed by SIGKILL"]))
    def die(self, how: str) -> None:
        self.alive = False
        self.feed(Exited(how))

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def fire(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.timers)))
        self.timers.remove(name)
        self.feed(TimerFired(name))

    @rule()
    def interrupt(self) -> None:
        self.feed(InterruptRequested())

    @precondition(lambda self: self.talks and self.running in self.told and self.running in self.with_input)
    @rule()
    def ask(self) -> None:
        self.questions += 1
        self.feed(Received(Asked(execution_id=str(self.running), number=self.questions, prompt="", password=False)))

    @precondition(lambda self: self.talks and self.running in self.told and self.running in self.with_functions)
    @rule()
    def call(self) -> None:
        self.calls += 1
        called = Called(execution_id=str(self.running), number=self.calls, name="f", args=Json("[]"), kwargs=Json("{}"))
        self.undropped.add(self.calls)
        self.feed(Received(called))

    @precondition(lambda self: self.talks and self.running in self.told and self.undropped)
    @rule(data=st.data())
    def drop_a_call(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.undropped)))
        self.undropped.remove(number)
        state = self.it.state
        self.feed(Received(Dropped(execution_id=str(self.running), number=number)))
        assert self.it.state is state, "an honest worker lives on"

    @precondition(lambda self: self.it.state is State.RUNNING and self.calls)
    @rule(data=st.data(), raises=st.booleans())
    def answer_a_call(self, data: st.DataObject, raises: bool) -> None:
        number = data.draw(st.integers(1, self.calls))
        answer = HostRaised(name="E", value="v") if raises else Returned(value=Json("1"))
        self.feed(CallAnswered(str(self.running), number, answer))
        assert number not in self.open_calls

    @precondition(lambda self: self.asking)
    @rule(text=st.sampled_from(["Ada", "Bob", None]))
    def answer_the_question(self, text: str | None) -> None:
        self.feed(Answered(str(self.running), text))
        assert self.asking is None

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.waiting)))
        self.feed(Cancel(name))
        assert self.finished[-1] == name

    @precondition(lambda self: self.it.state is not State.CLOSED)
    @rule(cancel_queued=st.booleans(), rarely=st.integers(0, 4))
    def restart(self, cancel_queued: bool, rarely: int) -> None:
        if rarely:
            return
        self.restart_asked = self.alive
        self.feed(Restart(CAUSE, cancel_queued))
        assert self.starting or self.alive
        assert not (cancel_queued and self.waiting)

    @precondition(lambda self: self.alive)
    @rule(kill=st.booleans(), rarely=st.integers(0, 4))
    def exceed(self, kill: bool, rarely: int) -> None:
        if rarely:
            return
        self.feed(Exceeded("limit", kill=kill))
        assert self.killed or not kill or self.it.state is State.CLOSED

    @rule(rarely=st.integers(0, 9))
    def close(self, rarely: int) -> None:
        if rarely == 0:
            self.feed(Close(CAUSE))

    def teardown(self) -> None:
        self.feed(Close(CAUSE))
        assert sorted(self.finished) == sorted(self.submitted)
        assert self.timers <= {"grace"}
        assert self.it.state is State.CLOSED


AnyLife.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase
