"""A journal without a ledger is not charged."""

from interpreterd.contexts.journal import Journal
from interpreterd.contexts.ledger import Unlimited
from interpreterd.model.events import Event, Restarted


def test_an_unlimited_ledger_never_trims() -> None:
    journal: Journal[Event] = Journal(limit_bytes=1 << 20, ledger=Unlimited())
    for _ in range(100):
        journal.append(Restarted())
    assert (journal.first, journal.next) == (0, 100)
