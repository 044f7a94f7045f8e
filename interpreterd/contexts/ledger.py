"""The sum of what many journals keep."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from interpreterd.contexts.journal import Journal


class Ledger(Protocol):
    """Keeps the sum of many journals."""

    def charge(self, journal: "Journal[Any]", change_bytes: int) -> None:
        """``journal`` has grown, or shrunk if negative; may call ``trim`` or ``release`` of any."""


class Unlimited:
    """A ledger that keeps no sum."""

    def charge(self, journal: "Journal[Any]", change_bytes: int) -> None:
        pass
