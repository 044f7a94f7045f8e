"""What the daemon, or one tenant, may use in all, and what each of a tenant's contexts may use."""

from typing import Final

from attrs import field, frozen

from interpreterd.model.limits import Limits


@frozen(kw_only=True)
class Quotas:
    """Upper bounds of what all contexts together use; None for no limit.

    Attributes:
        running: Executions that run at the same time; others wait for their turn.
        queued: Executions that wait; the next one is refused.
        creations_per_s: New contexts in a second; as many may come at once.
        cpu_s_per_day: Processor seconds of all processes in a day; then contexts and executions are refused.
        memory_bytes: Resident memory of all processes, and what only checkpoints use; then contexts, executions and
            checkpoints are refused.
        journal_bytes: The memory of events that are kept; the oldest ended execution is dropped first.
        archive_bytes: What archives take on the disk; an archive that would go beyond is not written.
        connections: Connections that serve a request, WebSockets among them.
    """

    contexts: int | None = None
    running: int | None = None
    queued: int | None = None
    creations_per_s: float | None = None
    cpu_s_per_day: float | None = None
    memory_bytes: int | None = None
    journal_bytes: int | None = None
    archive_bytes: int | None = None
    connections: int | None = None


NO_QUOTAS: Final = Quotas()


@frozen(kw_only=True)
class Rules:
    """The rules of one tenant.

    Attributes:
        limits: Of each of its contexts; they tighten the daemon's.
        quotas: Of all its contexts together.
        isolation: The profile of its contexts, which a context may tighten; None for the daemon's own.
        cwd: The absolute path of its directory: its contexts begin there, or below it. None for the daemon's own, and
            then it may choose any.
    """

    limits: Limits = field(factory=Limits)
    quotas: Quotas = NO_QUOTAS
    isolation: str | None = None
    cwd: str | None = None


NO_RULES: Final = Rules()
