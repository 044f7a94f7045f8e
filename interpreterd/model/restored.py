"""The event of a context that has got a former state again."""

from attrs import frozen

from interpreterd.model.archives import Skipped
from interpreterd.model.events import Event


@frozen(kw_only=True)
class Restored(Event):
    """The context has the variables of a checkpoint or of an archive again; all later changes of variables are gone.

    Followers of the context see it; and, when an execution wakes a context that hibernates, its client, first.

    Attributes:
        checkpoint_id: Of the checkpoint; None for an archive.
        checkpoint_name: Its name, perhaps empty.
        archive_id: Of the archive; None for a checkpoint.
        missing: What the archive does not have.
        is_as_left: Whether nothing has changed: the context has only hibernated, and has everything.
    """

    counts_as_backlog = False

    checkpoint_id: str | None = None
    checkpoint_name: str = ""
    archive_id: str | None = None
    missing: tuple[Skipped, ...] = ()
    is_as_left: bool = False
