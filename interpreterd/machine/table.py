"""Everything that may happen to a context's worker, as a table: state and input to action and next states.

``actions.py`` has the actions; ``diagram()`` draws ARCHITECTURE.md's picture.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from attrs import frozen

from interpreterd.machine.actions import Actions
from interpreterd.machine.inputs import (
    Answered,
    Broken,
    CallAnswered,
    Cancel,
    CancelOperation,
    Close,
    Exceeded,
    Exited,
    Hibernate,
    Input,
    InterruptRequested,
    Operate,
    Operated,
    Received,
    Replaced,
    Restart,
    Start,
    Submit,
    TimerFired,
    Turn,
    WorkerNotStarted,
    WorkerStarted,
)
from interpreterd.machine.states import State

_I = TypeVar("_I", bound=Input)
_S = State


@frozen
class Rule:
    """The machine's reaction to an input in a state. ``on`` makes one.

    Attributes:
        kind: The class of the input.
        action: A method of ``Actions``, which takes one of ``kind``.
        leads_to: The possible states of the machine after it.
    """

    kind: type
    action: Callable[[Actions, Any], None]
    leads_to: frozenset[State]


def on(kind: type[_I], action: Callable[[Actions, _I], None], *leads_to: State) -> Rule:
    """Return a rule; the type checker makes sure that ``action`` exists, and takes an input of ``kind``."""
    return Rule(kind, action, frozenset(leads_to))


def rules_of(*rules: Rule) -> Mapping[type, Rule]:
    """Return the rules of one state by their inputs. Raises ValueError if there are two for one input."""
    by_kind: dict[type, Rule] = {}
    for rule in rules:
        if by_kind.setdefault(rule.kind, rule) is not rule:
            raise ValueError(f"two rules for {rule.kind.__name__}")
    return by_kind


TRANSITIONS: Final[Mapping[State, Mapping[type, Rule]]] = {
    _S.EMPTY: rules_of(
        on(Start, Actions.on_start, _S.STARTING),
        on(Submit, Actions.on_enqueue_and_start, _S.STARTING),
        on(Operate, Actions.on_enqueue_and_start, _S.STARTING),
        on(CancelOperation, Actions.ignore, _S.EMPTY),
        on(InterruptRequested, Actions.ignore, _S.EMPTY),
        on(Restart, Actions.on_start, _S.STARTING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.STARTING: rules_of(
        on(Start, Actions.ignore, _S.STARTING),
        on(Submit, Actions.on_enqueue, _S.STARTING),
        on(Operate, Actions.on_enqueue, _S.STARTING),
        on(CancelOperation, Actions.on_cancel_operation, _S.STARTING),
        on(WorkerStarted, Actions.on_started, _S.IDLE, _S.RUNNING, _S.OPERATING),
        on(WorkerNotStarted, Actions.on_not_started, _S.EMPTY),
        on(InterruptRequested, Actions.ignore, _S.STARTING),
        on(Cancel, Actions.on_cancel, _S.STARTING),
        on(Restart, Actions.on_restart_starting, _S.STARTING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.IDLE: rules_of(
        on(Start, Actions.ignore, _S.IDLE),
        on(Submit, Actions.on_enqueue_and_run, _S.IDLE, _S.RUNNING, _S.OPERATING),
        on(Operate, Actions.on_operate_idle, _S.IDLE, _S.OPERATING),
        on(CancelOperation, Actions.on_cancel_operation, _S.IDLE),
        on(Turn, Actions.on_turn, _S.RUNNING),
        on(Cancel, Actions.on_cancel, _S.IDLE, _S.OPERATING),
        on(Received, Actions.on_received_idle, _S.ENDING),
        on(Broken, Actions.on_broken, _S.ENDING),
        on(Exited, Actions.on_exited, _S.EMPTY, _S.STARTING),
        on(InterruptRequested, Actions.ignore, _S.IDLE),
        on(Restart, Actions.on_restart, _S.ENDING),
        on(Exceeded, Actions.on_exceeded, _S.ENDING, _S.IDLE),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.RUNNING: rules_of(
        on(Submit, Actions.on_enqueue, _S.RUNNING),
        on(Operate, Actions.on_enqueue, _S.RUNNING),
        on(CancelOperation, Actions.on_cancel_operation, _S.RUNNING),
        on(Received, Actions.on_received_running, _S.IDLE, _S.RUNNING, _S.OPERATING, _S.ENDING),
        on(Broken, Actions.on_broken, _S.ENDING),
        on(Exited, Actions.on_exited, _S.EMPTY, _S.STARTING),
        on(TimerFired, Actions.on_timer_running, _S.INTERRUPTING, _S.RUNNING),
        on(InterruptRequested, Actions.on_interrupt_running, _S.INTERRUPTING),
        on(Answered, Actions.on_answered, _S.RUNNING),
        on(CallAnswered, Actions.on_call_answered, _S.RUNNING),
        on(Cancel, Actions.on_cancel, _S.RUNNING),
        on(Restart, Actions.on_restart, _S.ENDING),
        on(Exceeded, Actions.on_exceeded_running, _S.INTERRUPTING, _S.ENDING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.INTERRUPTING: rules_of(
        on(Submit, Actions.on_enqueue, _S.INTERRUPTING),
        on(Operate, Actions.on_enqueue, _S.INTERRUPTING),
        on(CancelOperation, Actions.on_cancel_operation, _S.INTERRUPTING),
        on(Received, Actions.on_received_interrupting, _S.INTERRUPTING, _S.SETTLING, _S.ENDING),
        on(Broken, Actions.on_broken, _S.ENDING),
        on(Exited, Actions.on_exited, _S.EMPTY, _S.STARTING),
        on(TimerFired, Actions.on_timer_grace, _S.ENDING, _S.INTERRUPTING),
        on(InterruptRequested, Actions.ignore, _S.INTERRUPTING),
        on(Cancel, Actions.on_cancel, _S.INTERRUPTING),
        on(Restart, Actions.on_restart, _S.ENDING),
        on(Exceeded, Actions.on_exceeded, _S.ENDING, _S.INTERRUPTING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.OPERATING: rules_of(
        on(Submit, Actions.on_enqueue, _S.OPERATING),
        on(Operate, Actions.on_enqueue, _S.OPERATING),
        on(CancelOperation, Actions.on_cancel_operation, _S.OPERATING),
        on(Operated, Actions.on_operated, _S.IDLE, _S.RUNNING, _S.OPERATING),
        on(Hibernate, Actions.on_hibernate, _S.ENDING),
        on(Replaced, Actions.on_replaced, _S.OPERATING),
        on(Received, Actions.on_received_operating, _S.ENDING),
        on(Broken, Actions.on_broken_operating, _S.ENDING),
        on(Exited, Actions.on_exited, _S.EMPTY, _S.STARTING),
        on(InterruptRequested, Actions.ignore, _S.OPERATING),
        on(Cancel, Actions.on_cancel, _S.OPERATING),
        on(Restart, Actions.on_restart_operating, _S.ENDING),
        on(Exceeded, Actions.on_exceeded_operating, _S.ENDING, _S.OPERATING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.SETTLING: rules_of(
        on(Submit, Actions.on_enqueue, _S.SETTLING),
        on(Operate, Actions.on_enqueue, _S.SETTLING),
        on(CancelOperation, Actions.on_cancel_operation, _S.SETTLING),
        on(Received, Actions.on_received_settling, _S.IDLE, _S.RUNNING, _S.OPERATING, _S.ENDING),
        on(Broken, Actions.on_broken, _S.ENDING),
        on(Exited, Actions.on_exited, _S.EMPTY, _S.STARTING),
        on(TimerFired, Actions.on_timer_grace, _S.ENDING, _S.SETTLING),
        on(InterruptRequested, Actions.ignore, _S.SETTLING),
        on(Cancel, Actions.on_cancel, _S.SETTLING),
        on(Restart, Actions.on_restart, _S.ENDING),
        on(Exceeded, Actions.on_exceeded, _S.ENDING, _S.SETTLING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.ENDING: rules_of(
        on(Submit, Actions.on_enqueue, _S.ENDING),
        on(Operate, Actions.on_enqueue, _S.ENDING),
        on(CancelOperation, Actions.on_cancel_operation, _S.ENDING),
        on(Received, Actions.on_received_ending, _S.ENDING),
        on(Broken, Actions.ignore, _S.ENDING),
        on(Exited, Actions.on_exited, _S.EMPTY, _S.STARTING),
        on(TimerFired, Actions.on_timer_ending, _S.ENDING),
        on(InterruptRequested, Actions.ignore, _S.ENDING),
        on(Cancel, Actions.on_cancel, _S.ENDING),
        on(Restart, Actions.on_restart_ending, _S.ENDING),
        on(Exceeded, Actions.on_exceeded_ending, _S.ENDING),
        on(Close, Actions.on_close, _S.CLOSED),
    ),
    _S.CLOSED: rules_of(
        on(Received, Actions.on_received_closed, _S.CLOSED),
        on(Exited, Actions.on_exited_closed, _S.CLOSED),
        on(TimerFired, Actions.on_timer_closed, _S.CLOSED),
        on(WorkerStarted, Actions.ignore, _S.CLOSED),
        on(WorkerNotStarted, Actions.ignore, _S.CLOSED),
        on(Broken, Actions.ignore, _S.CLOSED),
        on(InterruptRequested, Actions.ignore, _S.CLOSED),
        on(CancelOperation, Actions.ignore, _S.CLOSED),
        on(Exceeded, Actions.ignore, _S.CLOSED),
        on(Close, Actions.ignore, _S.CLOSED),
    ),
}


def diagram() -> Iterable[str]:
    """Yield the lines of a Mermaid state diagram of ``TRANSITIONS``, for ARCHITECTURE.md."""
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.EMPTY.value}"
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, rules in TRANSITIONS.items():
        for event, rule in rules.items():
            for target in State:
                if target in rule.leads_to and target is not state:
                    arrows.setdefault((state, target), []).append(event.__name__)
    for (state, target), events in arrows.items():
        yield f"    {state.value} --> {target.value}: {', '.join(events)}"
    yield f"    {State.CLOSED.value} --> [*]"


if __name__ == "__main__":
    print(*diagram(), sep="\n")
