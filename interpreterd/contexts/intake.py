"""Whether contexts take new work: not while the daemon ends, or waits for the end of the work that it has accepted."""

from collections.abc import Callable, Iterable
from typing import Final

from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ServerShuttingDown

DRAINING: Final = "server is shutting down: it takes no new work, and ends after what runs and waits"


class Intake:
    """The decision, for all contexts of a daemon.

    Attributes:
        draining: Accepted executions go on, and nothing new is taken.
        closing: Everything ends.
    """

    def __init__(self, contexts: Callable[[], Iterable[ContextInfo]]) -> None:
        """``contexts`` returns all of them as they are now."""
        self.draining = False
        self.closing = False
        self._contexts = contexts

    @property
    def busy(self) -> bool:
        """Whether an execution runs or waits, or a worker starts, in any context."""
        return any(it.queued or it.state in ("busy", "starting") for it in self._contexts())

    def check_living(self) -> None:
        """Raise ``ServerShuttingDown`` if everything ends."""
        if self.closing:
            raise ServerShuttingDown

    def check(self) -> None:
        """Raise ``ServerShuttingDown`` if no new work is taken."""
        self.check_living()
        if self.draining:
            raise ServerShuttingDown(DRAINING)
