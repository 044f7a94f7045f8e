"""The machine never trusts a worker's messages."""

import pytest
from machine_scripts import (
    KILL,
    KILLED,
    REACHING,
    RUNNING,
    done,
    lost,
    machine,
    submit,
)

from interpreterd.machine.effects import ClearTimer, KillWorker, StartWorker
from interpreterd.machine.inputs import Broken, Exited, Received
from interpreterd.machine.states import State
from interpreterd.pipe.messages import Configured, Done, Exiting, Failed, FromWorker, Ready, Synced

WRONG: list[tuple[State, FromWorker]] = [
    (State.IDLE, Done(execution_id="a")),
    (State.IDLE, Synced()),
    (State.RUNNING, Done(execution_id="foreign")),
    (State.RUNNING, Exiting(execution_id="foreign")),
    (State.RUNNING, Ready(pid=1, python="3.11.7")),
    (State.RUNNING, Configured()),
    (State.RUNNING, Failed(reason="why")),
    (State.RUNNING, Synced()),
    (State.INTERRUPTING, Done(execution_id="foreign")),
    (State.INTERRUPTING, Exiting(execution_id="foreign")),
    (State.INTERRUPTING, Synced()),
    (State.SETTLING, Done(execution_id="a")),
    (State.SETTLING, Ready(pid=1, python="3.11.7")),
]


@pytest.mark.parametrize(("state", "message"), WRONG)
def test_a_message_out_of_place_is_the_end_of_the_worker(state: State, message: FromWorker) -> None:
    it = machine(*REACHING[state])
    running = it.running_id
    if state is not State.IDLE:
        it.handle(submit("b"))
    assert it.handle(Received(message)) == KILL
    assert it.state is State.ENDING
    told = lost("a", f"killed: it broke the protocol (unexpected {type(message).__name__})") if running else []
    restart = [StartWorker()] if state is not State.IDLE else []
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *told, *restart]


def test_a_second_done_does_not_end_the_next_execution() -> None:
    it = machine(*RUNNING, submit("b"), done("a"))
    assert it.handle(done("a")) == KILL
    assert it.handle(Exited("killed by SIGKILL"))[1:] == lost("b", "killed: it broke the protocol (unexpected Done)")


@pytest.mark.parametrize("state", [State.IDLE, State.RUNNING, State.INTERRUPTING, State.SETTLING])
def test_a_worker_that_cannot_be_understood_is_killed(state: State) -> None:
    it = machine(*REACHING[state])
    running = it.running_id
    assert it.handle(Broken("not JSON")) == KILL
    told = lost("a", "killed: it broke the protocol (not JSON)") if running else []
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *told]


def test_what_a_killed_worker_still_says_does_not_save_its_execution() -> None:
    it = machine(*KILLED)
    assert it.handle(done("a")) == [ClearTimer("timeout"), KillWorker()]
    assert it.handle(Exited("killed by SIGKILL"))[1:] == lost("a", "killed: it broke the protocol (garbage)")
