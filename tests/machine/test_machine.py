"""The context's state machine as scripts: this input in, these effects out. Then the same, at random."""

from collections import deque
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from interpreterd.machine.actions import Actions
from interpreterd.machine.machine import Machine
from interpreterd.machine.moves import (
    Answered,
    Ask,
    Begin,
    Broken,
    Cancel,
    ClearTimer,
    Close,
    Effect,
    End,
    Exceeded,
    Exited,
    Finish,
    GiveUp,
    Input,
    Interrupt,
    InterruptRequested,
    Kill,
    Received,
    Restart,
    Send,
    SetTimer,
    Start,
    Started,
    StartFailed,
    StartWorker,
    Submit,
    TimerFired,
)
from interpreterd.machine.steps import DEATH_LIMIT_S, END_LIMIT_S
from interpreterd.machine.table import ACTIVE, SHOWN, TRANSITIONS, InvalidTransition, Rule, State, diagram
from interpreterd.model import context_info
from interpreterd.model.errors import (
    ContextDeleted,
    ContextRestarted,
    ExecutionInterrupted,
    ExecutionTimedOut,
    LimitExceeded,
    LimitReached,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import (
    Answer,
    Asked,
    Configured,
    Done,
    Exiting,
    Failed,
    FromWorker,
    Ready,
    Run,
    Sync,
    Synced,
)

GRACE_S = 2.0
CAUSE = ContextDeleted("c")
NAME_ERROR = Failure(name="NameError", value="name 'x' is not defined", traceback="Traceback …")
INTERRUPTED = Failure(name="KeyboardInterrupt", value="", traceback="Traceback …")
TIMED_OUT = "execution timed out after 5 s"
TOO_MUCH = Exceeded("memory limit of 512 MiB exceeded", kill=True)
TOO_LONG = Exceeded("CPU limit of 10 s exceeded", kill=False)


class Like:
    """Equal to every error of the same type and text."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self._error) and str(other) == str(self._error)

    def __repr__(self) -> str:
        return f"like {self._error!r}"


# What it does to a worker that has to go, which then has a while to die.
KILL: list[Effect] = [ClearTimer("timeout"), ClearTimer("grace"), Kill(), SetTimer("grace", DEATH_LIMIT_S)]


def like(error: Exception) -> Any:
    return Like(error)


def submit(name: str, timeout_s: int | None = None) -> Submit:
    return Submit(name, Execute(code=f"code of {name}", timeout_s=timeout_s))


def begin(name: str, *, restarted: bool = False) -> list[Effect]:
    return [Begin(name, restarted), Send(Run(execution_id=name, code=f"code of {name}"))]


def done(name: str, error: Failure | None = None) -> Received:
    return Received(Done(execution_id=name, error=error))


def finish(name: str, error: Failure | None = None) -> list[Effect]:
    return [ClearTimer("timeout"), Finish(name, Outcome.COMPLETED, error)]


def lost(name: str, how: str) -> list[Effect]:
    return [ClearTimer("timeout"), Finish(name, Outcome.LOST, Failure(name="WorkerDied", value=how))]


def machine(*inputs: Input, queue_limit: int = 10) -> Machine:
    """Return a machine to which ``inputs`` have happened."""
    it = Machine(queue_limit=queue_limit, grace_s=GRACE_S)
    for event in inputs:
        it.handle(event)
    return it


IDLE: tuple[Input, ...] = (Start(), Started())
RUNNING: tuple[Input, ...] = (*IDLE, submit("a", timeout_s=5))
TIMING_OUT: tuple[Input, ...] = (*RUNNING, TimerFired("timeout"))
INTERRUPTING: tuple[Input, ...] = (*RUNNING, InterruptRequested())
SETTLING: tuple[Input, ...] = (*INTERRUPTING, done("a", INTERRUPTED))
EXITING: tuple[Input, ...] = (*RUNNING, Received(Exiting(execution_id="a")))
KILLED: tuple[Input, ...] = (*RUNNING, Broken("garbage"))
REACHING: dict[State, tuple[Input, ...]] = {
    State.EMPTY: (),
    State.STARTING: (Start(),),
    State.IDLE: IDLE,
    State.RUNNING: RUNNING,
    State.INTERRUPTING: INTERRUPTING,
    State.SETTLING: SETTLING,
    State.ENDING: EXITING,
    State.CLOSED: (Close(ContextDeleted("c")),),
}


# Start, run, queue


def test_the_first_execution_starts_a_worker_and_runs() -> None:
    it = machine()
    assert it.handle(submit("a")) == [StartWorker()]
    assert it.handle(Started()) == begin("a")
    assert it.state is State.RUNNING
    assert it.running_id == "a"


def test_a_worker_may_be_there_before_the_first_execution() -> None:
    it = machine()
    assert it.handle(Start()) == [StartWorker()]
    assert it.handle(Start()) == []
    assert it.state not in ACTIVE
    assert it.handle(Started()) == []
    assert it.state in ACTIVE
    assert it.handle(submit("a")) == begin("a")


def test_a_timeout_is_set_with_the_start_and_cleared_with_the_end() -> None:
    it = machine(*IDLE)
    assert it.handle(submit("a", timeout_s=5)) == [*begin("a"), SetTimer("timeout", 5)]
    assert it.handle(done("a")) == finish("a")
    assert it.state is State.IDLE
    assert it.running_id is None


def test_an_exception_completes() -> None:
    assert machine(*RUNNING).handle(done("a", NAME_ERROR)) == finish("a", NAME_ERROR)


def test_first_come_first_served() -> None:
    it = machine(*RUNNING)
    assert it.handle(submit("b")) == []
    assert it.handle(submit("c", timeout_s=7)) == []
    assert it.queued == 2
    assert it.handle(done("a")) == [*finish("a"), *begin("b")]
    assert it.handle(done("b")) == [*finish("b"), *begin("c"), SetTimer("timeout", 7)]
    assert it.handle(done("c")) == finish("c")


def test_a_full_queue_has_no_room() -> None:
    it = machine(*RUNNING, submit("b"), queue_limit=2)
    it.check_room()
    it.handle(submit("c"))
    with pytest.raises(LimitReached, match="its limit is 2 executions"):
        it.check_room()
    it.handle(done("a"))
    it.check_room()


# exit()


def test_exit_completes_once_the_worker_is_gone() -> None:
    it = machine(*RUNNING)
    assert it.handle(Received(Exiting(execution_id="a"))) == [
        ClearTimer("timeout"),
        ClearTimer("grace"),
        SetTimer("grace", GRACE_S),
    ]
    assert it.state not in ACTIVE
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a")]
    assert it.state is State.EMPTY


def test_the_next_execution_is_told_of_the_restart_and_only_that_one() -> None:
    it = machine(*EXITING, submit("b"), submit("c"))
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a"), StartWorker()]
    assert it.handle(Started()) == begin("b", restarted=True)
    assert it.handle(done("b")) == [*finish("b"), *begin("c")]


def test_an_exit_handler_that_hangs_is_killed_and_the_execution_has_completed() -> None:
    it = machine(*EXITING)
    assert it.handle(TimerFired("grace")) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *finish("a")]


def test_nothing_that_a_worker_says_on_its_way_out_counts() -> None:
    it = machine(*EXITING, submit("b"))
    assert it.handle(Broken("garbage")) == []
    assert it.handle(InterruptRequested()) == []
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a"), StartWorker()]


def test_a_worker_that_talks_on_its_way_out_is_killed_and_the_execution_has_completed() -> None:
    it = machine(*EXITING)
    assert it.handle(done("a", NAME_ERROR)) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *finish("a")]


# Death


def test_death_while_running_loses_the_execution() -> None:
    it = machine(*RUNNING)
    assert it.handle(Exited("killed by SIGSEGV")) == [ClearTimer("grace"), *lost("a", "killed by SIGSEGV")]
    assert it.state is State.EMPTY
    assert it.handle(submit("b")) == [StartWorker()]
    assert it.handle(Started()) == begin("b", restarted=True)


def test_death_while_running_restarts_for_the_queue() -> None:
    it = machine(*RUNNING, submit("b"))
    assert it.handle(Exited("exit status 3")) == [ClearTimer("grace"), *lost("a", "exit status 3"), StartWorker()]


def test_death_while_idle_is_nobodys_loss() -> None:
    it = machine(*IDLE)
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace")]
    assert it.state not in ACTIVE


def test_death_while_settling_is_nobodys_loss() -> None:
    it = machine(*SETTLING)
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace")]
    assert it.state is State.EMPTY
    it = machine(*SETTLING, submit("b"))
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), StartWorker()]


def test_death_by_the_interrupt_itself_is_an_interruption_that_says_what_was_lost() -> None:
    it = machine(*INTERRUPTING)
    value = "interrupted; its worker was killed by SIGINT, and its variables are lost"
    assert it.handle(Exited("killed by SIGINT")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="KeyboardInterrupt", value=value),
            like(ExecutionInterrupted("interrupted by a client")),
        ),
    ]


@pytest.mark.parametrize("before", [(*IDLE, Broken("garbage")), (*SETTLING, Received(Configured()))])
def test_the_reason_of_one_death_is_not_the_reason_of_the_next(before: tuple[Input, ...]) -> None:
    it = machine(*before, Exited("killed by SIGKILL"), submit("b"), Started())
    assert it.handle(Exited("exit status 3")) == [ClearTimer("grace"), *lost("b", "exit status 3")]


# Timeout and interrupt


def test_a_timeout_interrupts_and_keeps_the_worker() -> None:
    it = machine(*RUNNING, submit("b"))
    assert it.handle(TimerFired("timeout")) == [ClearTimer("timeout"), Interrupt(), SetTimer("grace", GRACE_S)]
    assert it.handle(done("a", INTERRUPTED)) == [
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="TimeoutError", value=TIMED_OUT, traceback=INTERRUPTED.traceback),
            like(ExecutionTimedOut(TIMED_OUT)),
        ),
        ClearTimer("grace"),
        Send(Sync()),
        SetTimer("grace", GRACE_S),
    ]
    assert it.state in ACTIVE
    assert it.handle(Received(Synced())) == [ClearTimer("grace"), *begin("b")]


def test_a_timeout_stays_one_although_the_code_ended_by_itself_meanwhile() -> None:
    effects = machine(*TIMING_OUT).handle(done("a"))
    assert effects[1] == Finish(
        "a",
        Outcome.INTERRUPTED,
        Failure(name="TimeoutError", value=TIMED_OUT),
        like(ExecutionTimedOut(TIMED_OUT)),
    )


def test_code_that_ignores_a_timeout_is_killed_and_the_error_says_what_was_lost() -> None:
    it = machine(*TIMING_OUT, submit("b"))
    assert it.handle(TimerFired("grace")) == KILL
    assert it.state not in ACTIVE
    value = f"{TIMED_OUT}; its worker was killed by SIGKILL, and its variables are lost"
    assert it.handle(Exited("killed by SIGKILL")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="TimeoutError", value=value),
            like(ExecutionTimedOut(TIMED_OUT)),
        ),
        StartWorker(),
    ]
    assert it.handle(Started()) == begin("b", restarted=True)


def test_a_client_interrupts() -> None:
    it = machine(*RUNNING)
    assert it.handle(InterruptRequested()) == [ClearTimer("timeout"), Interrupt(), SetTimer("grace", GRACE_S)]
    assert it.handle(InterruptRequested()) == []
    assert it.handle(done("a", INTERRUPTED)) == [
        ClearTimer("timeout"),
        Finish("a", Outcome.INTERRUPTED, INTERRUPTED, like(ExecutionInterrupted("interrupted by a client"))),
        ClearTimer("grace"),
        Send(Sync()),
        SetTimer("grace", GRACE_S),
    ]
    assert it.handle(Received(Synced())) == [ClearTimer("grace")]
    assert it.state is State.IDLE


@pytest.mark.parametrize("error", [None, NAME_ERROR])
def test_an_interrupt_that_came_too_late_changes_nothing(error: Failure | None) -> None:
    effects = machine(*INTERRUPTING).handle(done("a", error))
    assert effects[:2] == finish("a", error)
    assert Send(Sync()) in effects


def test_exit_may_be_the_answer_to_an_interrupt() -> None:
    it = machine(*INTERRUPTING)
    assert it.handle(Received(Exiting(execution_id="a"))) == [
        ClearTimer("timeout"),
        ClearTimer("grace"),
        SetTimer("grace", GRACE_S),
    ]
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a")]


def test_a_worker_that_does_not_settle_is_killed_and_nothing_is_lost_that_ran() -> None:
    it = machine(*SETTLING, submit("b"))
    assert it.handle(TimerFired("grace")) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), StartWorker()]


@pytest.mark.parametrize("state", [State.EMPTY, State.STARTING, State.IDLE, State.SETTLING, State.CLOSED])
def test_an_interrupt_hits_nothing_where_nothing_runs(state: State) -> None:
    assert machine(*REACHING[state]).handle(InterruptRequested()) == []


def test_an_interrupt_before_the_start_does_not_wait_for_it() -> None:
    it = machine(submit("a"), InterruptRequested())
    assert it.handle(Started()) == begin("a")


@pytest.mark.parametrize(
    ("before", "name"), [(RUNNING, "grace"), (INTERRUPTING, "timeout"), (SETTLING, "timeout"), (EXITING, "timeout")]
)
def test_a_timer_of_another_name_means_nothing(before: tuple[Input, ...], name: str) -> None:
    assert machine(*before).handle(TimerFired(name)) == []


# Limits


def test_an_execution_that_uses_too_much_is_lost_and_the_error_says_what_it_was() -> None:
    it = machine(*RUNNING, submit("b"))
    assert it.handle(TOO_MUCH) == KILL
    assert it.state not in ACTIVE
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *lost("a", TOO_MUCH.what), StartWorker()]
    assert it.handle(Started()) == begin("b", restarted=True)


def test_an_idle_worker_that_uses_too_much_is_killed_and_nothing_is_lost_that_ran() -> None:
    it = machine(*IDLE)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace")]
    assert it.state is State.EMPTY


def test_a_settling_worker_that_uses_too_much_is_killed_before_the_next_execution() -> None:
    it = machine(*SETTLING, submit("b"))
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), StartWorker()]


def test_what_kills_an_execution_that_is_being_interrupted_is_what_it_is_told() -> None:
    it = machine(*TIMING_OUT)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *lost("a", TOO_MUCH.what)]


def test_an_exit_handler_that_uses_too_much_is_killed() -> None:
    it = machine(*EXITING)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *lost("a", TOO_MUCH.what)]


def test_why_a_worker_was_killed_first_is_why_it_died() -> None:
    it = machine(*TIMING_OUT, TimerFired("grace"))
    assert Kill() in it.handle(TOO_MUCH)
    (finish,) = [effect for effect in it.handle(Exited("killed by SIGKILL")) if isinstance(effect, Finish)]
    assert finish.cause == like(ExecutionTimedOut(TIMED_OUT))


def test_an_execution_that_takes_too_much_time_is_interrupted_and_keeps_its_worker() -> None:
    it = machine(*RUNNING)
    assert it.handle(TOO_LONG) == [ClearTimer("timeout"), Interrupt(), SetTimer("grace", GRACE_S)]
    assert it.handle(done("a", INTERRUPTED))[:2] == [
        ClearTimer("timeout"),
        Finish(
            "a",
            Outcome.INTERRUPTED,
            Failure(name="LimitExceeded", value=TOO_LONG.what, traceback=INTERRUPTED.traceback),
            like(LimitExceeded(TOO_LONG.what)),
        ),
    ]
    assert it.state is State.SETTLING


@pytest.mark.parametrize("before", [IDLE, INTERRUPTING, SETTLING, EXITING, KILLED])
def test_too_much_time_ends_nothing_but_what_runs(before: tuple[Input, ...]) -> None:
    it = machine(*before)
    state = it.state
    assert it.handle(TOO_LONG) == []
    assert it.state is state


# Leaving the queue

QUEUEING = [state for state, rules in TRANSITIONS.items() if Cancel in rules]
CANCELLED = Finish(
    "c",
    Outcome.CANCELLED,
    Failure(name="KeyboardInterrupt", value=""),
    like(ExecutionInterrupted("interrupted by a client")),
)


def test_an_execution_can_leave_the_queue_wherever_there_may_be_one() -> None:
    open_ones = {state: inputs for state, inputs in REACHING.items() if state is not State.CLOSED}
    after = [machine(*inputs, submit("b"), submit("c")) for inputs in open_ones.values()]
    assert set(QUEUEING) == {it.state for it in after if it.queued}


@pytest.mark.parametrize("state", QUEUEING)
def test_cancel_takes_one_out_of_the_queue_and_tells_it(state: State) -> None:
    it = machine(*REACHING[state], submit("b"), submit("c"), submit("d"))
    assert it.handle(Cancel("c")) == [CANCELLED]
    assert it.handle(Cancel("c")) == [], "once"
    assert (it.state, it.queued) == (state, 2)
    cancelled = [effect.execution_id for effect in it.handle(Close(CAUSE)) if isinstance(effect, Finish)]
    assert cancelled[-2:] == ["b", "d"]


@pytest.mark.parametrize("state", QUEUEING)
@pytest.mark.parametrize("name", ["a", "unknown"])
def test_cancel_hits_nothing_that_does_not_wait(state: State, name: str) -> None:
    assert machine(*REACHING[state], submit("b")).handle(Cancel(name)) == []


# Restart

RESTART = Restart(ContextRestarted("c"))
RESTARTED = Failure(name="ContextError", value=str(RESTART.cause))
END: list[Effect] = [
    ClearTimer("timeout"),
    ClearTimer("grace"),
    End(interrupt=False),
    SetTimer("grace", END_LIMIT_S),
]
INTERRUPT_AND_END: list[Effect] = [
    ClearTimer("timeout"),
    ClearTimer("grace"),
    End(interrupt=True),
    SetTimer("grace", END_LIMIT_S),
]
RESTART_EFFECTS: dict[State, list[Effect]] = {
    State.EMPTY: [StartWorker()],
    State.STARTING: [],
    State.IDLE: KILL,  # it has run nothing
    State.RUNNING: INTERRUPT_AND_END,
    State.INTERRUPTING: END,
    State.SETTLING: END,
    State.ENDING: [],
}


@pytest.mark.parametrize("state", RESTART_EFFECTS)
def test_restart_has_a_new_worker(state: State) -> None:
    it = machine(*REACHING[state])
    assert it.handle(RESTART) == RESTART_EFFECTS[state]
    assert it.handle(RESTART) == [], "it is on its way"
    if it.state is State.ENDING:
        assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()
    assert it.handle(Started()) == []
    assert it.state is State.IDLE
    assert it.handle(submit("z")) == begin("z", restarted=state not in (State.EMPTY, State.STARTING))


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.INTERRUPTING, State.SETTLING, State.ENDING])
@pytest.mark.parametrize("cancel_queued", [False, True])
def test_restart_keeps_the_queue_unless_it_is_told_not_to(state: State, cancel_queued: bool) -> None:
    it = machine(*REACHING[state], submit("b"), submit("c"))
    effects = it.handle(Restart(RESTART.cause, cancel_queued))
    told = [Finish(name, Outcome.CANCELLED, RESTARTED, RESTART.cause) for name in ("b", "c")] if cancel_queued else []
    assert effects == [*told, *RESTART_EFFECTS[state]]
    if state is not State.STARTING:
        assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()
    assert it.handle(Started()) == ([] if cancel_queued else begin("b", restarted=state is not State.STARTING))


def test_restart_loses_what_runs_and_says_why() -> None:
    it = machine(*RUNNING, RESTART)
    assert not any(isinstance(effect, Finish) for effect in it.handle(done("a"))), "too late"
    assert it.handle(InterruptRequested()) == []
    assert it.handle(Exited("killed by SIGKILL")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish("a", Outcome.LOST, RESTARTED, RESTART.cause),
        StartWorker(),
    ]


def test_restart_after_exit_lets_the_exit_handlers_end_and_the_execution_has_completed() -> None:
    it = machine(*EXITING, RESTART)
    assert it.handle(Exited("exit status 0")) == [ClearTimer("grace"), *finish("a"), StartWorker()]


def test_restart_of_a_context_that_was_being_killed_for_another_reason() -> None:
    it = machine(*KILLED, RESTART)
    told = lost("a", "killed: it broke the protocol (garbage)")
    assert it.handle(Exited("killed by SIGKILL")) == [ClearTimer("grace"), *told, StartWorker()]


def test_a_restart_is_asked_for_once_and_not_for_ever() -> None:
    it = machine(*IDLE, RESTART, Exited("killed by SIGKILL"), Started())
    assert it.handle(Exited("exit status 3")) == [ClearTimer("grace")]
    assert it.state is State.EMPTY
    it = machine(*IDLE, RESTART, Exited("killed by SIGKILL"))
    assert it.handle(StartFailed("why")) == []
    assert it.state is State.EMPTY


# Input

ASKING: tuple[Input, ...] = (*IDLE, Submit("a", Execute(code="code of a", timeout_s=5, stdin=True)))


def asked(number: int, name: str = "a") -> Received:
    return Received(Asked(execution_id=name, number=number, prompt="? ", password=False))


def test_an_answer_goes_to_what_was_asked() -> None:
    it = machine(*ASKING)
    assert it.asking_id is None
    assert it.handle(asked(1)) == [Ask("a", "? ", False)]
    assert it.asking_id == "a"
    assert it.handle(Answered("a", "Ada")) == [Send(Answer(number=1, text="Ada"))]
    assert it.asking_id is None
    assert it.handle(asked(2)) == [Ask("a", "? ", False)]
    assert it.handle(done("a")) == finish("a")
    assert it.asking_id is None


def test_the_worker_is_told_whether_it_may_ask() -> None:
    sent = machine(*IDLE).handle(ASKING[-1])[1]
    assert sent == Send(Run(execution_id="a", code="code of a", stdin=True))


@pytest.mark.parametrize("name", ["a", "b", "unknown"])
def test_what_was_not_asked_is_not_answered(name: str) -> None:
    assert machine(*ASKING, submit("b")).handle(Answered(name, "Ada")) == []
    assert machine(*ASKING, asked(1), Answered("a", "Ada")).handle(Answered(name, "Bob")) == []
    if name != "a":
        assert machine(*ASKING, asked(1)).handle(Answered(name, "Ada")) == []


def test_code_may_give_up_and_ask_again_and_the_answer_is_for_the_last_one() -> None:
    it = machine(*ASKING, asked(1))
    assert it.handle(asked(2)) == [SetTimer("given up", 1), Ask("a", "? ", False)]
    assert it.handle(Answered("a", "Ada")) == [Send(Answer(number=2, text="Ada"))]
    assert it.handle(Answered("a", "Ada")) == []
    assert it.handle(done("a")) == [ClearTimer("timeout"), ClearTimer("given up"), *finish("a")[1:]]


def test_who_gives_up_question_after_question_has_broken_the_protocol() -> None:
    it = machine(*ASKING, *(asked(number) for number in range(41)))
    assert Kill() in it.handle(asked(41))


def test_who_gives_up_a_question_now_and_then_has_not() -> None:
    it = machine(*ASKING)
    for number in range(1000):
        assert Ask("a", "? ", False) in it.handle(asked(number))
        if number % 40 == 39:
            assert it.handle(TimerFired("given up")) == []


def test_who_asks_on_and_on_after_the_end_of_the_input_has_broken_the_protocol() -> None:
    for ending in (Answered("a", None), InterruptRequested()):
        it = machine(*ASKING, asked(1), ending)
        number = 2
        while Send(Answer(number=number, text=None)) in (effects := it.handle(asked(number))):
            number += 1
        assert Kill() in effects
        assert number < 10


def test_the_end_of_the_input_is_the_answer_to_each_later_question() -> None:
    it = machine(*ASKING, asked(1))
    assert it.handle(Answered("a", None)) == [Send(Answer(number=1, text=None))]
    assert it.handle(asked(2)) == [Send(Answer(number=2, text=None))], "it was asked before that had come"
    assert it.asking_id is None
    assert it.handle(Answered("a", "Ada")) == []
    it.handle(Submit("b", Execute(code="code of b", timeout_s=None, stdin=True)))
    it.handle(done("a"))
    assert it.handle(asked(3, "b")) == [Ask("b", "? ", False)], "each execution has its own"


@pytest.mark.parametrize("before", [RUNNING, INTERRUPTING])
def test_to_ask_without_an_input_is_a_broken_protocol(before: tuple[Input, ...]) -> None:
    it = machine(*before)
    assert it.handle(asked(1)) == KILL
    assert it.handle(Exited("killed by SIGKILL"))[1:] == lost("a", "killed: it broke the protocol (unexpected Asked)")


@pytest.mark.parametrize("before", [ASKING, (*ASKING, InterruptRequested())])
def test_to_ask_for_another_execution_is_a_broken_protocol(before: tuple[Input, ...]) -> None:
    assert machine(*before).handle(asked(1, "foreign")) == KILL


@pytest.mark.parametrize("state", [State.IDLE, State.SETTLING])
def test_to_ask_while_nothing_runs_is_a_broken_protocol(state: State) -> None:
    assert machine(*REACHING[state]).handle(asked(1)) == KILL


def test_who_asks_while_it_is_interrupted_has_no_more_input() -> None:
    it = machine(*ASKING, InterruptRequested())
    assert it.handle(asked(1)) == [Send(Answer(number=1, text=None))]
    assert it.handle(asked(2)) == [Send(Answer(number=2, text=None))]
    assert it.state is State.INTERRUPTING


def test_an_interrupt_ends_the_question() -> None:
    it = machine(*ASKING, asked(1), InterruptRequested())
    assert it.asking_id is None
    assert Send(Answer(number=2, text=None)) in it.handle(asked(2)), "the interrupt was caught"


def test_a_question_ends_with_its_worker() -> None:
    for last in (Received(Exiting(execution_id="a")), Exited("exit status 1"), RESTART, Close(CAUSE)):
        assert machine(*ASKING, asked(1), last).asking_id is None


# A worker is never believed

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
    assert it.handle(done("a")) == [ClearTimer("timeout"), Kill()]
    assert it.handle(Exited("killed by SIGKILL"))[1:] == lost("a", "killed: it broke the protocol (garbage)")


# Starts that fail


def test_a_failed_start_cancels_all_that_wait() -> None:
    it = machine(submit("a"), submit("b"))
    cause = like(WorkerStartFailed("failed to start context: python3 not found"))
    failure = Failure(name="ContextError", value="failed to start context: python3 not found")
    assert it.handle(StartFailed("python3 not found")) == [
        Finish("a", Outcome.CANCELLED, failure, cause),
        Finish("b", Outcome.CANCELLED, failure, cause),
    ]
    assert it.state is State.EMPTY
    assert it.queued == 0
    assert it.handle(submit("c")) == [StartWorker()]
    assert it.handle(Started()) == begin("c")


def test_a_failed_restart_says_that_it_was_one() -> None:
    it = machine(*EXITING, Exited("exit status 0"), submit("b"))
    cause = WorkerStartFailed("failed to restart context: out of memory")
    failure = Failure(name="ContextError", value="failed to restart context: out of memory")
    assert it.handle(StartFailed("out of memory")) == [Finish("b", Outcome.CANCELLED, failure, like(cause))]
    it.handle(submit("c"))
    assert it.handle(Started()) == begin("c", restarted=True)


# The end of the context

TOLD = Failure(name="ContextError", value="context deleted: c")
FINISHED: list[Effect] = [ClearTimer("timeout"), Finish("a", Outcome.LOST, TOLD, CAUSE)]
CLOSE_EFFECTS: dict[State, tuple[list[Effect], list[Effect]]] = {
    State.EMPTY: ([], []),
    State.STARTING: ([], [Kill()]),
    State.IDLE: ([], KILL[1:]),  # it has run nothing
    State.RUNNING: (FINISHED, INTERRUPT_AND_END[1:]),
    State.INTERRUPTING: (FINISHED, END[1:]),
    State.SETTLING: ([], END[1:]),
    State.ENDING: (FINISHED, END[1:]),
}


@pytest.mark.parametrize("state", CLOSE_EFFECTS)
def test_close(state: State) -> None:
    it = machine(*REACHING[state])
    assert it.state is state
    told, to_the_worker = CLOSE_EFFECTS[state]
    assert it.handle(Close(CAUSE)) == [*told, *to_the_worker]
    assert it.state is State.CLOSED
    assert it.state not in ACTIVE
    assert it.handle(Close(ServerShuttingDown())) == []


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.INTERRUPTING, State.SETTLING, State.ENDING])
def test_close_tells_everyone_who_waits(state: State) -> None:
    effects = machine(*REACHING[state], submit("b"), submit("c")).handle(Close(CAUSE))
    told, to_the_worker = CLOSE_EFFECTS[state]
    cancelled = [Finish(name, Outcome.CANCELLED, TOLD, CAUSE) for name in ("b", "c")]
    assert effects == [*told, *cancelled, *to_the_worker]


@pytest.mark.parametrize("before", [(*RUNNING, done("a")), RUNNING, INTERRUPTING, SETTLING, EXITING])
def test_a_closed_context_s_worker_has_a_moment_then_is_killed_then_given_up(before: tuple[Input, ...]) -> None:
    it = machine(*before, Close(CAUSE))
    assert it.handle(TimerFired("grace")) == KILL[1:]
    assert it.handle(TimerFired("grace")) == [GiveUp()]
    assert it.handle(Exited("killed, but not gone")) == [ClearTimer("grace")]


def test_close_does_not_make_the_time_longer_in_which_a_worker_is_to_die() -> None:
    it = machine(*KILLED)
    assert it.handle(Close(CAUSE)) == [*FINISHED, Kill()]
    assert it.handle(TimerFired("grace")) == [GiveUp()]


def test_a_closed_context_s_worker_may_say_how_its_execution_ended_and_little_else() -> None:
    it = machine(*RUNNING, Close(CAUSE))
    assert it.handle(done("a")) == it.handle(done("a")) == []
    assert it.handle(done("a")) == KILL[1:]
    assert machine(*RUNNING, Close(CAUSE)).handle(Received(Configured())) == KILL[1:]
    assert machine(*RUNNING, done("a"), Close(CAUSE)).handle(done("a")) == KILL[1:], "nothing ran"


def test_a_restarted_worker_may_say_how_its_execution_ended_and_little_else() -> None:
    it = machine(*RUNNING, RESTART)
    assert it.handle(done("a")) == it.handle(done("a")) == []
    assert it.handle(done("a")) == KILL
    assert it.handle(Exited("killed by SIGKILL"))[-1] == StartWorker()


def test_a_worker_that_does_not_end_is_killed_and_one_that_does_not_die_is_given_up() -> None:
    it = machine(*RUNNING, RESTART)
    assert it.handle(TimerFired("grace")) == KILL
    assert it.handle(TimerFired("grace")) == [GiveUp()]
    assert it.handle(Exited("killed, but not gone")) == [
        ClearTimer("grace"),
        ClearTimer("timeout"),
        Finish("a", Outcome.LOST, RESTARTED, RESTART.cause),
        StartWorker(),
    ]


def test_an_execution_whose_worker_is_given_up_is_told_so() -> None:
    it = machine(*TIMING_OUT, TimerFired("grace"))
    assert it.handle(TimerFired("grace")) == [GiveUp()]
    (finish,) = [effect for effect in it.handle(Exited("killed, but not gone")) if isinstance(effect, Finish)]
    assert finish.error is not None
    assert finish.error.value == f"{TIMED_OUT}; its worker was killed, but not gone, and its variables are lost"


def test_killing_a_worker_once_more_does_not_make_its_time_to_die_longer() -> None:
    it = machine(*RUNNING)
    assert it.handle(TOO_MUCH) == KILL
    assert it.handle(TOO_MUCH) == [ClearTimer("timeout"), Kill()]
    assert it.handle(TimerFired("grace")) == [GiveUp()]


def test_a_new_worker_has_a_time_to_end_of_its_own() -> None:
    it = machine(*KILLED, submit("b"), Exited("killed by SIGKILL"), Started(), done("b"))
    assert it.handle(RESTART) == END


LATE: list[Input] = [Started(), StartFailed("why"), done("a"), Broken("garbage"), InterruptRequested(), TOO_LONG]


@pytest.mark.parametrize("event", LATE, ids=lambda event: type(event).__name__)
def test_nothing_happens_after_the_end(event: Input) -> None:
    assert machine(*RUNNING, Close(CAUSE)).handle(event) == []


# The table


def test_every_state_can_be_reached() -> None:
    assert {state: machine(*inputs).state for state, inputs in REACHING.items()} == {state: state for state in State}
    assert set(TRANSITIONS) == set(State)


def test_every_action_of_the_table_is_a_method_and_every_method_is_in_the_table() -> None:
    actions = {rule.action for rules in TRANSITIONS.values() for rule in rules.values()}
    assert {name for name in vars(Actions) if name.startswith("on_")} | {"ignore"} == actions
    assert all(callable(getattr(Machine, action)) for action in actions)


def test_clients_are_shown_a_worker_where_there_is_one() -> None:
    assert set(SHOWN) == set(State)
    assert {state for state in State if SHOWN[state] in context_info.ACTIVE} == ACTIVE


def test_only_the_context_can_be_closed_from_everywhere() -> None:
    assert all(Close in rules for rules in TRANSITIONS.values())


def example(kind: type[Any]) -> Any:
    return {
        Submit: submit("z"),
        StartFailed: StartFailed("why"),
        Received: done("a"),
        Broken: Broken("garbage"),
        Exited: Exited("exit status 0"),
        TimerFired: TimerFired("timeout"),
        Cancel: Cancel("z"),
        Answered: Answered("a", "text"),
        Restart: Restart(CAUSE),
        Exceeded: TOO_MUCH,
        Close: Close(CAUSE),
    }.get(kind) or kind()


@pytest.mark.parametrize("state", State)
def test_an_input_that_cannot_come_is_a_mistake_and_changes_nothing(state: State) -> None:
    impossible = [kind for kind in get_args(Input) if kind not in TRANSITIONS[state]]
    for kind in impossible:
        it = machine(*REACHING[state])
        with pytest.raises(InvalidTransition, match=f"{kind.__name__} while {state.value}"):
            it.handle(example(kind))
        assert it.state is state
    assert impossible or state not in (State.EMPTY, State.CLOSED, State.IDLE)


def test_a_rule_that_leads_elsewhere_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSITIONS[State.EMPTY], Start, Rule("on_start", frozenset({State.IDLE})))  # type: ignore[arg-type]
    with pytest.raises(InvalidTransition, match="Start led from empty to starting"):
        machine().handle(Start())


def test_the_diagram_shows_every_state_and_every_way() -> None:
    lines = list(diagram())
    ways = {
        (state, target)
        for state, rules in TRANSITIONS.items()
        for rule in rules.values()
        for target in rule.leads_to
        if target is not state
    }
    assert len(lines) == len(ways) + 3
    assert "    starting --> running: Started" in lines


# At random

MESSAGES = st.sampled_from([Ready(pid=1, python="3.11.7"), Configured(), Failed(reason="why"), Synced()])


class AnyLife(RuleBasedStateMachine):
    """Drives a machine as its driver would, with a worker that keeps to the protocol or does not.

    The model is the driver's view: which process there is, which timers run, which executions exist.
    """

    def __init__(self) -> None:
        super().__init__()
        self.it = Machine(queue_limit=100, grace_s=GRACE_S)
        self.starting = False
        self.alive = False
        self.killed = False
        self.mute = False  # it broke the protocol: no more messages will come
        self.told: deque[str] = deque()  # what the worker was asked to do and has not answered
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
            case Send(Run(execution_id=name, stdin=stdin)):
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
            case Interrupt():
                assert self.alive
                assert not self.killed
                self.asking = None
                assert self.running is not None, "it would hit the loop between executions"
                assert self.running not in self.interrupted
                self.interrupted.add(self.running)
            case End(interrupt=interrupt):
                assert self.alive
                assert not self.killed
                assert not interrupt or self.told
                self.asking = None
            case Kill():
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
                    self.running = self.asking = None
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
                        assert isinstance(self.event, StartFailed | Close) or self.event == Restart(CAUSE, True)
                        assert self.waiting.popleft() == name
                self.finished.append(name)
            case _:
                raise AssertionError(effect)

    @property
    def talks(self) -> bool:
        return self.alive and not self.mute

    @initialize(early=st.booleans())
    def create(self, early: bool) -> None:
        if early:
            self.feed(Start())

    @precondition(lambda self: self.it.state is not State.CLOSED)
    @rule(timeout_s=st.sampled_from([None, 5]), stdin=st.booleans())
    def submit(self, timeout_s: int | None, stdin: bool) -> None:
        name = f"e{len(self.submitted)}"
        self.submitted.append(name)
        self.waiting.append(name)
        if stdin:
            self.with_input.add(name)
        self.feed(Submit(name, Execute(code=f"code of {name}", timeout_s=timeout_s, stdin=stdin)))

    @precondition(lambda self: self.starting)
    @rule(fails=st.sampled_from([False, False, False, True]))
    def start_ends(self, fails: bool) -> None:
        self.starting = False
        if self.killed:
            return
        if fails:
            self.feed(StartFailed("why"))
            return
        self.alive, self.killed, self.mute = True, False, False
        self.told.clear()
        self.restarts_unsaid = self.workers > 0
        self.workers += 1
        self.feed(Started())

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
            st.none(),
        )
        message = data.draw(lies)
        if message is None:
            self.mute = True
            self.feed(Broken("not JSON"))
            return
        if isinstance(message, Exiting) and message.execution_id == self.running:
            self.asking = None
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

    @invariant()
    def the_machine_says_the_same_as_its_effects(self) -> None:
        assert self.it.running_id == self.running
        assert self.it.queued == len(self.waiting)
        assert (self.it.asking_id is None) == (self.asking is None)
        assert self.it.asking_id in (None, self.running)
        assert self.it.state not in ACTIVE or (self.alive and not self.killed)

    @invariant()
    def timers_run_where_they_can_mean_something(self) -> None:
        assert "timeout" not in self.timers or self.it.state is State.RUNNING
        assert "grace" not in self.timers or self.it.state not in (State.IDLE, State.RUNNING)
        if self.it.state in (State.INTERRUPTING, State.SETTLING):
            assert "grace" in self.timers, "somebody would wait for ever"
        if self.it.state is State.ENDING or (self.it.state is State.CLOSED and self.alive):
            assert "grace" in self.timers, "somebody would wait for ever"

    @invariant()
    def a_restart_comes(self) -> None:
        assert not self.restart_asked or self.alive or self.it.state is State.CLOSED

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        assert not self.waiting or self.starting or self.alive

    @invariant()
    def every_execution_is_somewhere(self) -> None:
        here = [*self.finished, *([self.running] if self.running else []), *self.waiting]
        assert sorted(here) == sorted(self.submitted)

    def teardown(self) -> None:
        self.feed(Close(CAUSE))
        assert sorted(self.finished) == sorted(self.submitted)
        assert self.timers <= {"grace"}
        assert self.it.state is State.CLOSED


AnyLife.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase
