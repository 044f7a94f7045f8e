"""What the daemon, or one tenant, may use in all, and what each of a tenant's contexts may use."""

from typing import Any, Final

from attrs import field, frozen

from interpreterd.model.limits import Limits


def _quota(words: str) -> Any:
    return field(default=None, metadata={"words": words})


@frozen(kw_only=True)
class Quotas:
    """Upper bounds of what all contexts together use; None for no limit.

    Attributes:
        journal_bytes: The memory of events that are kept; the oldest ended execution is dropped first.
        connections: Connections that serve a request, WebSockets among them.
    """

    contexts: int | None = _quota("contexts")
    journal_bytes: int | None = _quota("memory of kept events")
    connections: int | None = _quota("open connections")


NO_QUOTAS: Final = Quotas()


@frozen(kw_only=True)
class Rules:
    """The rules of one tenant.

    Attributes:
        limits: Of each of its contexts; they tighten the daemon's.
        quotas: Of all its contexts together.
        isolation: The profile of its contexts, which a context may tighten; None for the daemon's own.
    """

    limits: Limits = field(factory=Limits)
    quotas: Quotas = NO_QUOTAS
    isolation: str | None = None


NO_RULES: Final = Rules()
