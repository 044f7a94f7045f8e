"""The sum of what many journals keep."""

from typing import TYPE_CHECKING, Any, Protocol

from interpreterd.model.accounts import Account

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


class Register(Ledger, Protocol):
    """The ledger of all journals, and the register of the executions that have them."""

    def forget_oldest(self, account: Account) -> bool: ...


class TenantLedger:
    """The sum of a tenant's journals, on the way to the sum of all.

    Beyond the tenant's limit, the oldest of its ended executions is forgotten first. If there is none, the execution
    that grows loses its own oldest events.
    """

    def __init__(self, register: Register, account: Account) -> None:
        """Charge ``register``, too."""
        self._register = register
        self._account = account

    def charge(self, journal: "Journal[Any]", change_bytes: int) -> None:
        """See ``Ledger``."""
        account = self._account
        account.journal_bytes += change_bytes
        self._register.charge(journal, change_bytes)
        limit_bytes = account.rules.quotas.journal_bytes
        if change_bytes < 0 or limit_bytes is None:
            return
        while account.journal_bytes > limit_bytes and self._register.forget_oldest(account):
            pass
        if account.journal_bytes > limit_bytes:
            journal.trim(max(0, journal.bytes - (account.journal_bytes - limit_bytes)))
