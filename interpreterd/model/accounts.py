"""What each tenant uses of the daemon, counted where it happens."""

from collections.abc import Iterator

from attrs import define

from interpreterd.model.rules import NO_RULES, Rules


@define(eq=False)
class Account:
    """The present use of one tenant. A daemon without tokens has one account, that of the tenant ``""``.

    Attributes:
        rules: What it may use.
        contexts: How many it has, unlisted ones included.
        unfinished: How many of its executions wait or run; looks at the namespace do not count.
        running: How many of them run.
        journal_bytes: The memory of the events that are kept for it.
        checkpoints: How many its contexts have, and ``checkpoint_bytes``, the memory that only these use.
        archives: How many it has, and ``archive_bytes``, what they take on the disk.
        gone_cpu_s: The processor time of its contexts that are gone.
    """

    tenant: str
    rules: Rules = NO_RULES
    contexts: int = 0
    unfinished: int = 0
    running: int = 0
    journal_bytes: int = 0
    checkpoints: int = 0
    checkpoint_bytes: int = 0
    archives: int = 0
    archive_bytes: int = 0
    gone_cpu_s: float = 0.0

    @property
    def queued(self) -> int:
        """How many of its executions wait."""
        return self.unfinished - self.running


class Accounts:
    """The accounts of all tenants, and their sum. There are as many as tenants had tokens since the daemon's start."""

    def __init__(self) -> None:
        self._all: dict[str, Account] = {}

    def of(self, tenant: str) -> Account:
        """Return the account of a tenant."""
        return self._all.get(tenant) or self._all.setdefault(tenant, Account(tenant))

    def __iter__(self) -> Iterator[Account]:
        """Iterate over all that there are now: a thread that reads the tokens again may add some meanwhile."""
        return iter(list(self._all.values()))

    def sum_of(self, name: str) -> int:
        """Return the sum of a number over all accounts."""
        return sum(getattr(account, name) for account in self)
