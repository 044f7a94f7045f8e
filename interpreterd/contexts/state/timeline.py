"""Which executions have made the present state of a context, as far back as undo can go."""

from typing import Final

from attrs import frozen

NOT_KEPT: Final = ""
"""The id of a checkpoint that is no longer kept."""


@frozen
class Past:
    """An execution that has become a part of the state.

    Attributes:
        number: Its number among the context's executions.
        checkpoint_id: Of the checkpoint that was taken right before it; None if there was none.
    """

    number: int
    checkpoint_id: str | None = None


class Timeline:
    """The steps that led to the present state, the oldest first.

    A checkpoint keeps the ``steps`` of its moment. A context that goes back to it gets them again: so a repeated undo
    goes further back, and executions that were undone are not undone twice.

    Attributes:
        steps: A bounded number of them. Before a step without a checkpoint there is none: undo cannot pass it.
    """

    def __init__(self, count: int, limit: int, *, elsewhere: int = 0) -> None:
        """Begin after ``count`` executions without checkpoints; keep ``limit`` steps.

        The first ``elsewhere`` of them have run in another context, of which this one is a fork, or in a former daemon.
        """
        self.steps: tuple[Past, ...] = (Past(count, NOT_KEPT if count <= elsewhere else None),) if count else ()
        self._limit = limit

    def begin(self, number: int, checkpoint_id: str | None) -> None:
        """The execution ``number`` begins, right after the checkpoint ``checkpoint_id`` if that is not None."""
        before = () if checkpoint_id is None else self.steps
        self.steps = (*before, Past(number, checkpoint_id))[-self._limit :]

    @property
    def last(self) -> Past | None:
        """The step that undo takes back; None if there is none."""
        return self.steps[-1] if self.steps else None
