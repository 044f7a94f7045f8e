"""The life of one context, without I/O: inputs go in, effects come out.

A context has at most one worker, a queue of executions, and at most one execution that runs. ``State`` says where its
worker stands; ``table.py`` is the table of everything that may happen there. ``Machine.handle`` takes an input
and returns what the driver (``context.py``) is to do, in that order.

Three rules explain the table:

* **An execution ends exactly once.** Only ``_say_end`` says so, of one that is then forgotten.
* **An interrupt hits its own execution or nothing.** ``Interrupt`` (SIGINT) is sent at most once, while the execution
  runs as far as the machine knows. It may have ended by itself meanwhile; so before the next one the worker is asked to
  forget interrupts (``SETTLING``).
* **A worker is never believed.** A message that does not fit the state is a ``Broken`` worker: it is killed, its
  execution is lost, the next one gets a new worker.

Time is data: the effect ``SetTimer("grace", 2.0)`` comes back as the input ``TimerFired("grace")``.
"""

from interpreterd.machine import moves
from interpreterd.machine.actions import Actions
from interpreterd.machine.table import TRANSITIONS, InvalidTransition, State
from interpreterd.model.errors import LimitReached


class Machine(Actions):
    """One context. Not thread-safe, never blocks, does no I/O.

    Attributes:
        state: Where the worker stands.
    """

    @property
    def asking_id(self) -> str | None:
        """The id of the execution that runs if it waits for input."""
        return self.running_id if self._asked is not None and self.state is State.RUNNING else None

    @property
    def queued(self) -> int:
        """How many executions wait for the one that runs."""
        return len(self._queue)

    def check_room(self) -> None:
        """Raise ``LimitReached`` if the queue is full."""
        if len(self._queue) >= self._queue_limit:
            raise LimitReached(f"the context's queue is full: its limit is {self._queue_limit} executions")

    def handle(self, event: moves.Input) -> list[moves.Effect]:
        """Return the effects of ``event``, in order.

        Raises:
            InvalidTransition: ``event`` cannot come in this state.
        """
        before = self.state
        rule = TRANSITIONS[before].get(type(event))
        if rule is None:
            raise InvalidTransition(f"{type(event).__name__} while {before.value}")
        self._effects = []
        getattr(self, rule.action)(event)
        if self.state not in rule.leads_to:
            raise InvalidTransition(f"{type(event).__name__} led from {before.value} to {self.state.value}")
        return self._effects
