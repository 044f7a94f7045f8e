"""The states of a context's worker, and the state that clients see."""

import enum
from collections.abc import Mapping
from typing import Final


class State(enum.Enum):
    """The state of a context's worker."""

    EMPTY = "empty"  # no worker; the next execution starts one
    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    INTERRUPTING = "interrupting"  # SIGINT was sent; SIGKILL after the grace
    OPERATING = "operating"  # nothing runs; the driver works on the worker: forks it, archives it
    SETTLING = "settling"  # the execution has ended; the worker forgets late interrupts
    ENDING = "ending"  # the worker runs exit handlers, or was told to, or killed; its exit is awaited
    CLOSED = "closed"

    __hash__ = object.__hash__  # Enum's own is written in Python, and each input needs it twice


# The state that clients see.
SHOWN: Final[Mapping[State, str]] = {
    State.EMPTY: "dead",
    State.STARTING: "starting",
    State.IDLE: "idle",
    State.RUNNING: "busy",
    State.INTERRUPTING: "busy",
    State.OPERATING: "busy",
    State.SETTLING: "busy",
    State.ENDING: "dead",
    State.CLOSED: "dead",
}
