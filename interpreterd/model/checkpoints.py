"""Checkpoints of contexts, as clients see them."""

from typing import Final

from attrs import frozen

from interpreterd.model.context_info import ContextInfo
from interpreterd.model.forks import Lost

CHECKPOINT_NAME_LIMIT_CHARS: Final = 256


@frozen(kw_only=True)
class CheckpointInfo:
    """A stopped copy of a context.

    Attributes:
        name: The client's; empty without one.
        created_at: In seconds since the epoch.
        memory_bytes: Its private pages: what it costs beside the context.
        automatic: Whether it was taken before an execution with ``checkpoint``.
        executions: How many executions of the context had begun.
        lost: What it does not have of the context.
    """

    id: str
    name: str = ""
    created_at: float
    memory_bytes: int | None = None
    automatic: bool = False
    executions: int = 0
    lost: tuple[Lost, ...] = ()


@frozen(kw_only=True)
class RestoreInfo:
    """The result of going back to a checkpoint."""

    context: ContextInfo
    checkpoint: CheckpointInfo
