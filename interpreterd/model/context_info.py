"""The state of a context as clients see it."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from interpreterd.model.limits import NONE, Limits
from interpreterd.model.timestamp import timestamp

ACTIVE: Final = ("idle", "busy")  # the states of a context that has a worker


@frozen(kw_only=True)
class ContextInfo:
    """The state of a context as clients see it.

    Attributes:
        created_at: As clients read it; see ``timestamp``.
        state: ``starting``, ``idle``, ``busy`` or ``dead``: without a worker; the next execution starts one.
        last_used_at: When an execution was last submitted or ended, in seconds since the epoch.
        executions: How many have started to run.
        queued: How many wait.
        limits: Shown only if there are any.
        pid: The worker's, for measuring its usage; never shown. None without a worker.
    """

    id: str
    cwd: str
    created_at: str
    state: str
    last_used_at: float
    executions: int = 0
    queued: int = 0
    metadata: Mapping[str, str] = field(factory=dict, repr=lambda metadata: f"<{len(metadata)} pairs>")
    limits: Limits = NONE
    pid: int | None = None

    @property
    def active(self) -> bool:
        """Whether there is a worker."""
        return self.state in ACTIVE

    def to_json(self) -> dict[str, Any]:
        limits = self.limits.to_json()
        return {
            "id": self.id,
            "cwd": self.cwd,
            "language": "python",
            "createdAt": self.created_at,
            "active": self.active,
            "state": self.state,
            "lastUsedAt": timestamp(self.last_used_at),
            "executionCount": self.executions,
            "queued": self.queued,
            "metadata": dict(self.metadata),
            **({"limits": limits} if limits else {}),
        }
