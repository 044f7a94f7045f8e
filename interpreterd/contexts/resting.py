"""The half of a context that may rest: it is archived, and without a worker until its next use."""

from typing import TYPE_CHECKING, Protocol

from interpreterd.contexts.limits import configured
from interpreterd.contexts.slot import Slot
from interpreterd.contexts.transcript import Transcript
from interpreterd.machine import effects, inputs
from interpreterd.machine.machine import Machine
from interpreterd.machine.states import SHOWN, State
from interpreterd.model.events import Outcome
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext
from interpreterd.workers.isolation.jails import Place

if TYPE_CHECKING:
    from interpreterd.contexts.state.hibernation import Hibernation


class Resting(Protocol):
    """The rest of ``Context``, which has these parts.

    Attributes:
        kept: What becomes of the context when it rests; None if nothing does.
    """

    kept: "Hibernation | None" = None
    cwd: str
    directory: str
    place: Place
    request: CreateContext
    _created_at: float
    _limits: Limits
    _machine: Machine
    _slot: Slot
    _transcript: Transcript

    def _feed(self, event: inputs.Input) -> None: ...

    @property
    def limits(self) -> Limits:
        """Its limits: the daemon's, the tenant's and its own."""
        return self._limits

    @property
    def worker_state(self) -> State:
        """The state of its worker."""
        return self._machine.state

    @property
    def has_work(self) -> bool:
        """Whether executions or operations wait."""
        return self._machine.queued > 0

    @property
    def shown_state(self) -> str:
        """The state that clients see."""
        if self._machine.wants_turn:
            return "busy"
        shown = SHOWN[self._machine.state]
        return "hibernating" if shown == "dead" and self.kept is not None and self.kept.shows else shown

    def note_end(self, end: effects.Finish) -> None:
        """An execution has ended. A look, or one that never ran, has changed nothing."""
        assert self.kept is not None
        if end.found is None and end.outcome is not Outcome.CANCELLED:
            self.kept.touch()
        else:
            self.kept.wait()

    def recall(self, *, created_at: float, last_used_at: float) -> None:
        """Be a context of a former daemon, as old as it was."""
        self._created_at, self._transcript.last_used_at = created_at, last_used_at
        self.expect_restart()

    def expect_restart(self) -> None:
        """Let the next execution hear of its worker, which is not the context's first."""
        self._machine.expect_restart()

    def settle(self, place: Place) -> None:
        """Let ``place`` be where the workers are, before there is one."""
        self.place = place
        configuration = configured(self.cwd, self._limits, self.request.envs, place)
        self._slot.settle(place.launcher, configuration, (self.directory, *place.directories))

    def leave(self) -> None:
        """Let the worker end, in the middle of an operation: the next one gets what this one has."""
        self._feed(inputs.Hibernate())

    def note_exit(self, how: str) -> None:
        """The worker has ended. Nobody need know if its context goes on hibernating."""
        assert self.kept is not None
        if self.kept.is_away:
            self._transcript.tally.worker_ended(how, asked=True)
        else:
            self.kept.worker_ended(self._transcript.end_worker(how))
