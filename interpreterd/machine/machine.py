"""The life of one context, without I/O: inputs go in, effects come out.

A context has at most one worker, a queue of executions, and at most one running execution. ``State`` is the state of
its worker; ``table.py`` is the table of everything that may happen there. ``Machine.handle`` takes an input and returns
instructions for the driver (``context.py``), in order.

Three rules explain the table:

* **An execution ends exactly once.** Only ``Steps.say_end`` ends one, and the machine then forgets it.
* **An interrupt hits its own execution or nothing.** ``InterruptWorker`` (SIGINT) is sent at most once, while the
  execution runs as far as the machine knows. The execution may have ended by itself meanwhile; so before the next one
  the worker is asked to forget interrupts (``SETTLING``).
* **A worker is never trusted.** After a message that does not fit the state, the worker is ``Broken``: it is killed,
  its execution is lost, and the next one gets a new worker.

Time is data: the effect ``SetTimer("grace", 2.0)`` comes back as the input ``TimerFired("grace")``.
"""

from collections.abc import Callable

from interpreterd.machine.actions import Actions
from interpreterd.machine.effects import Effect
from interpreterd.machine.inputs import Input
from interpreterd.machine.states import State
from interpreterd.machine.table import TRANSITIONS
from interpreterd.model.errors import LimitReached


class InvalidTransition(Exception):
    """The driver gave an input that is not possible in this state: a mistake in the daemon."""


class Machine:
    """One context. Not thread-safe, never blocks, does no I/O. Only ``handle`` changes it."""

    def __init__(
        self, *, queue_limit: int, grace_s: float, may_begin: Callable[[], bool] | None = None, begun: int = 0
    ) -> None:
        """Limit the queue to ``queue_limit`` executions, without the running one; wait ``grace_s`` before force.

        ``may_begin`` is asked before each execution; after a False, it need not be asked again before a ``Turn`` comes.
        ``begun`` executions have been before the first one.
        """
        self._queue_limit = queue_limit
        self._actions = Actions(grace_s, may_begin=may_begin, begun=begun)

    @property
    def state(self) -> State:
        """The state of the worker."""
        return self._actions.state

    @property
    def running_id(self) -> str | None:
        """The id of the running execution."""
        return self._actions.running_id

    @property
    def operating_id(self) -> str | None:
        """The id of the operation that has the worker."""
        return self._actions.operating

    @property
    def begun(self) -> int:
        """How many executions that count have begun to run."""
        return self._actions.begun

    @property
    def asking_id(self) -> str | None:
        """The id of the running execution if it waits for input."""
        it = self._actions
        return it.running_id if it.asked is not None and it.state is State.RUNNING else None

    def waits_for(self, execution_id: str, number: int) -> bool:
        """Whether the running execution waits for the answer of its call of this number."""
        it = self._actions
        return it.state is State.RUNNING and execution_id == it.running_id and number in it.calls

    @property
    def wants_turn(self) -> bool:
        """Whether an execution waits for nothing but a turn."""
        return self._actions.state is State.IDLE and bool(self._actions.queue)

    @property
    def grace_s(self) -> float:
        """The time that the running execution has to end after an interrupt."""
        return self._actions.grace_s

    @property
    def queued(self) -> int:
        """The number of executions that wait for the running one."""
        return len(self._actions.queue)

    def expect_restart(self) -> None:
        """There has been a worker before: the executions of the next one are told that it is another one."""
        self._actions.workers_before += 1

    def check_room(self) -> None:
        """Raise ``LimitReached`` if the queue is full."""
        if self.queued >= self._queue_limit:
            raise LimitReached(f"the context's queue is full: its limit is {self._queue_limit} executions")

    def handle(self, event: Input) -> list[Effect]:
        """Return the effects of ``event``, in order.

        Raises:
            InvalidTransition: ``event`` is not possible in this state.
        """
        actions = self._actions
        before = actions.state
        rule = TRANSITIONS[before].get(type(event))
        if rule is None:
            raise InvalidTransition(f"{type(event).__name__} while {before.value}")
        effects: list[Effect] = []
        actions.effects = effects
        rule.action(actions, event)
        if actions.state not in rule.leads_to:
            raise InvalidTransition(f"{type(event).__name__} led from {before.value} to {actions.state.value}")
        return effects
