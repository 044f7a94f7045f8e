"""The end of a context that was not used for too long, or lives for too long: an error, and an event."""

from attrs import frozen

from interpreterd.model.errors import ContextDeleted
from interpreterd.model.events import Event


class ContextExpired(ContextDeleted):
    """The context has expired while the execution was running or queued."""

    code = "context_expired"

    def __init__(self, context_id: str, why: str) -> None:
        super(ContextDeleted, self).__init__(f"context expired: {context_id}: {why}")


@frozen(kw_only=True)
class Expired(Event):
    """The context has expired: its followers see no more events of it.

    Attributes:
        why: The limit, as a part of a sentence.
    """

    counts_as_backlog = False

    why: str
