"""An execution of a client's own: read from its journal, for which the program waits while the client is there."""

import asyncio
import logging
import time
from typing import Final

from interpreterd.background import supervised
from interpreterd.contexts.service import ContextService, Events, Submission
from interpreterd.dialects.jupyter.translation import Telling
from interpreterd.model.errors import ExecutionNotFound
from interpreterd.model.events import Event, Failure, Finished, Outcome
from interpreterd.model.requests import Execute

FORGOTTEN: Final = Finished(
    outcome=Outcome.LOST,
    error=Failure(name="ExecutionForgotten", value="its events are no longer kept, so its end is not known"),
)
_log = logging.getLogger(__name__)


class OwnExecution:
    """An execution that a client has asked for, and how much of it the client has been told.

    Attributes:
        telling: What is told of it.
        seen: How many of its events have passed in the feed of its context, up to the position of its client.
        told: The number of its next event that is to be sent.
        done: Whether everything was sent.
        stops: Whether those behind it are not to run if it fails.
        begun_at: When it was submitted, of the monotonic clock.
    """

    __slots__ = (
        "_dropping",
        "_followed",
        "_service",
        "_submission",
        "begun_at",
        "done",
        "seen",
        "stops",
        "telling",
        "told",
    )

    def __init__(self, service: ContextService, telling: Telling, submission: Submission, request: Execute) -> None:
        """``submission`` is stopped by ``close``."""
        self.telling = telling
        self.stops = request.stop_on_error
        self.begun_at = time.monotonic()
        self.seen = 0
        self.told = 0
        self.done = False
        self._service = service
        self._submission = submission
        self._followed: Events[Event] | None = None
        self._dropping: asyncio.Task[None] | None = None

    @property
    def is_past(self) -> bool:
        """Whether the feed has no more events of it."""
        return self.done and self.seen >= self.told

    @property
    def execution_id(self) -> str:
        """Its id."""
        return self._submission.execution_id

    async def events(self) -> Events[Event] | None:
        """Return its events from ``told`` on; None if it is forgotten."""
        if self._dropping is None:
            return self._submission
        if self._followed is None:
            try:
                self._followed = await self._service.follow_execution(self.execution_id, self.told)
            except ExecutionNotFound:
                return None
        return self._followed

    def leave(self) -> None:
        """Its client has gone, and may come back: the program goes on, and waits only where it asks for input."""
        self._stop_following()
        if self._dropping is None and not self.done:
            loop = asyncio.get_running_loop()
            failure = "execution %s could not be followed"
            self._dropping = supervised(loop, self._drop(), _log, failure, self.execution_id)

    def close(self) -> None:
        """Its client is served no more: questions of the code are not answered any more."""
        self._stop_following()
        if self._dropping is not None:
            self._dropping.cancel()
        self._submission.stop()

    def _stop_following(self) -> None:
        if self._followed is not None:
            self._followed.stop()
            self._followed = None

    async def _drop(self) -> None:
        while await self._submission.ready():
            pass
