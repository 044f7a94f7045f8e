"""The state of a context as clients see it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from interpreterd.model.archives import LoadInfo
from interpreterd.model.isolation import OPEN, IsolationInfo
from interpreterd.model.limits import NONE, Limits

ACTIVE: Final = ("idle", "busy")  # the states of a context that has a worker


@frozen(kw_only=True)
class Usage:
    """The usage of a worker and all its descendants at one moment.

    Attributes:
        cpu_s: Processor time since they started, with that of children that were waited for. It may fall: a child that
            is never waited for takes its time along.
        memory_bytes: Resident and swapped memory, and files in memory; memory that n processes share counts as an n-th
            in each, if time allows.
    """

    cpu_s: float
    memory_bytes: int
    processes: int


NO_USAGES: Final[Mapping[int, Usage]] = MappingProxyType({})


@frozen(kw_only=True)
class ContextInfo:
    """The state of a context as clients see it.

    Attributes:
        created_at: In seconds since the epoch.
        state: ``starting``, ``idle``, ``busy``, ``dead``: without a worker, the next execution starts one; or
            ``hibernating``: the same, and the new worker gets what the former had.
        last_used_at: When an execution was last submitted or ended, in seconds since the epoch.
        executions: How many have started to run.
        queued: How many wait.
        usage: None without a worker, if it could not be measured, or without a request for it.
        expires_at: When it ends if it is not used meanwhile; None if it does not, or not while it is in use.
        tenant: Whose it is; None for clients that are not told.
        forked_from: The id of the context that it is a fork of.
        persistent: Whether it outlives the daemon.
        loaded: What it has got from an archive when it was made; only then.
    """

    id: str
    cwd: str
    created_at: float
    state: str
    last_used_at: float
    executions: int = 0
    queued: int = 0
    metadata: Mapping[str, str] = field(factory=dict, repr=lambda metadata: f"<{len(metadata)} pairs>")
    limits: Limits = NONE
    isolation: IsolationInfo = OPEN
    usage: Usage | None = None
    expires_at: float | None = None
    tenant: str | None = None
    forked_from: str | None = None
    persistent: bool = False
    loaded: LoadInfo | None = None

    @property
    def active(self) -> bool:
        """Whether there is a worker."""
        return self.state in ACTIVE


@frozen(kw_only=True)
class RestartInfo:
    """The result of a restart.

    Attributes:
        lost: The ids of executions that ran.
        cancelled: The ids of executions that waited.
    """

    context: ContextInfo
    lost: list[str]
    cancelled: list[str]
