"""Everything that may happen to a context's worker, as a table: state and input to action and next states.

``actions.py`` has the actions; ``diagram()`` draws ARCHITECTURE.md's picture.
"""

import enum
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from interpreterd.machine.moves import (
    Answered,
    Broken,
    Cancel,
    Close,
    Exceeded,
    Exited,
    InterruptRequested,
    Received,
    Restart,
    Start,
    Started,
    StartFailed,
    Submit,
    TimerFired,
)


class State(enum.Enum):
    """Where the context's worker stands."""

    EMPTY = "empty"  # no worker; the next execution starts one
    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    INTERRUPTING = "interrupting"  # SIGINT was sent; SIGKILL after the grace
    SETTLING = "settling"  # the execution has ended; the worker is to forget interrupts
    ENDING = "ending"  # the worker calls exit handlers, or was told to, or killed; its exit is awaited
    CLOSED = "closed"


class InvalidTransition(Exception):
    """The driver gave an input that cannot come in this state: a mistake in the daemon."""


@frozen
class Rule:
    """What the machine does with an input in a state.

    Attributes:
        action: Name of the machine's method.
        leads_to: States in which the machine may be after it.
    """

    action: str
    leads_to: frozenset[State]


def _rule(action: str, *leads_to: State) -> Rule:
    return Rule(action, frozenset(leads_to))


_S = State
ACTIVE: Final = frozenset({_S.IDLE, _S.RUNNING, _S.INTERRUPTING, _S.SETTLING})
SHOWN: Final[Mapping[State, str]] = {
    _S.EMPTY: "dead",
    _S.STARTING: "starting",
    _S.IDLE: "idle",
    _S.RUNNING: "busy",
    _S.INTERRUPTING: "busy",
    _S.SETTLING: "busy",
    _S.ENDING: "dead",
    _S.CLOSED: "dead",
}  # what clients see of it

TRANSITIONS: Final[Mapping[State, Mapping[type, Rule]]] = {
    _S.EMPTY: {
        Start: _rule("on_start", _S.STARTING),
        Submit: _rule("on_enqueue_and_start", _S.STARTING),
        InterruptRequested: _rule("ignore", _S.EMPTY),
        Restart: _rule("on_start", _S.STARTING),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.STARTING: {
        Start: _rule("ignore", _S.STARTING),
        Submit: _rule("on_enqueue", _S.STARTING),
        Started: _rule("on_started", _S.IDLE, _S.RUNNING),
        StartFailed: _rule("on_start_failed", _S.EMPTY),
        InterruptRequested: _rule("ignore", _S.STARTING),
        Cancel: _rule("on_cancel", _S.STARTING),
        Restart: _rule("on_restart_starting", _S.STARTING),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.IDLE: {
        Start: _rule("ignore", _S.IDLE),
        Submit: _rule("on_enqueue_and_run", _S.RUNNING),
        Received: _rule("on_received_idle", _S.ENDING),
        Broken: _rule("on_broken", _S.ENDING),
        Exited: _rule("on_exited", _S.EMPTY),
        InterruptRequested: _rule("ignore", _S.IDLE),
        Restart: _rule("on_restart", _S.ENDING),
        Exceeded: _rule("on_exceeded", _S.ENDING, _S.IDLE),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.RUNNING: {
        Submit: _rule("on_enqueue", _S.RUNNING),
        Received: _rule("on_received_running", _S.IDLE, _S.RUNNING, _S.ENDING),
        Broken: _rule("on_broken", _S.ENDING),
        Exited: _rule("on_exited", _S.EMPTY, _S.STARTING),
        TimerFired: _rule("on_timer_running", _S.INTERRUPTING, _S.RUNNING),
        InterruptRequested: _rule("on_interrupt_running", _S.INTERRUPTING),
        Answered: _rule("on_answered", _S.RUNNING),
        Cancel: _rule("on_cancel", _S.RUNNING),
        Restart: _rule("on_restart", _S.ENDING),
        Exceeded: _rule("on_exceeded_running", _S.INTERRUPTING, _S.ENDING),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.INTERRUPTING: {
        Submit: _rule("on_enqueue", _S.INTERRUPTING),
        Received: _rule("on_received_interrupting", _S.INTERRUPTING, _S.SETTLING, _S.ENDING),
        Broken: _rule("on_broken", _S.ENDING),
        Exited: _rule("on_exited", _S.EMPTY, _S.STARTING),
        TimerFired: _rule("on_timer_grace", _S.ENDING, _S.INTERRUPTING),
        InterruptRequested: _rule("ignore", _S.INTERRUPTING),
        Cancel: _rule("on_cancel", _S.INTERRUPTING),
        Restart: _rule("on_restart", _S.ENDING),
        Exceeded: _rule("on_exceeded", _S.ENDING, _S.INTERRUPTING),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.SETTLING: {
        Submit: _rule("on_enqueue", _S.SETTLING),
        Received: _rule("on_received_settling", _S.IDLE, _S.RUNNING, _S.ENDING),
        Broken: _rule("on_broken", _S.ENDING),
        Exited: _rule("on_exited", _S.EMPTY, _S.STARTING),
        TimerFired: _rule("on_timer_grace", _S.ENDING, _S.SETTLING),
        InterruptRequested: _rule("ignore", _S.SETTLING),
        Cancel: _rule("on_cancel", _S.SETTLING),
        Restart: _rule("on_restart", _S.ENDING),
        Exceeded: _rule("on_exceeded", _S.ENDING, _S.SETTLING),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.ENDING: {
        Submit: _rule("on_enqueue", _S.ENDING),
        Received: _rule("on_received_ending", _S.ENDING),
        Broken: _rule("ignore", _S.ENDING),
        Exited: _rule("on_exited", _S.EMPTY, _S.STARTING),
        TimerFired: _rule("on_timer_ending", _S.ENDING),
        InterruptRequested: _rule("ignore", _S.ENDING),
        Cancel: _rule("on_cancel", _S.ENDING),
        Restart: _rule("on_restart_ending", _S.ENDING),
        Exceeded: _rule("on_exceeded_ending", _S.ENDING),
        Close: _rule("on_close", _S.CLOSED),
    },
    _S.CLOSED: {
        Received: _rule("on_received_closed", _S.CLOSED),
        Exited: _rule("on_exited_closed", _S.CLOSED),
        TimerFired: _rule("on_timer_closed", _S.CLOSED),
        **{
            event: _rule("ignore", _S.CLOSED)
            for event in (Started, StartFailed, Broken, InterruptRequested, Exceeded, Close)
        },
    },
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
