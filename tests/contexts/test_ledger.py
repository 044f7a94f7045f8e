"""A journal without a ledger is not charged."""

from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.journal import Journal
from interpreterd.contexts.ledger import Unlimited
from interpreterd.model.accounts import Account
from interpreterd.model.events import Event, Finished, Outcome, Output, Restarted, Stream
from interpreterd.model.requests import Execute
from interpreterd.model.rules import Quotas, Rules


def test_an_unlimited_ledger_never_trims() -> None:
    journal: Journal[Event] = Journal(limit_bytes=1 << 20, ledger=Unlimited())
    for _ in range(100):
        journal.append(Restarted())
    assert (journal.first, journal.next) == (0, 100)


def test_a_tenant_beyond_its_limit_loses_its_own_oldest_executions_and_no_others() -> None:
    executions = Executions(limit_bytes=1 << 30, journal_limit_bytes=1 << 20)
    acme, other = Account("acme", Rules(quotas=Quotas(journal_bytes=10_000))), Account("other")

    def ended(name: str, account: Account, text: str = "x" * 3000) -> ExecutionRecord:
        request = Execute(code="1")
        it = executions.new(name, "c", request, backlog_bytes=1, on_room=None, held=executions.held, account=account)
        it.append(Output(stream=Stream.STDOUT, text=text))
        it.append(Finished(outcome=Outcome.COMPLETED))
        executions.ended(it)
        return it

    ended("first of other", other)
    for number in range(5):
        ended(f"{number}", acme)
    kept = [name for name in ("first of other", "0", "1", "2", "3", "4") if executions.get(name) is not None]
    assert kept == ["first of other", "3", "4"]
    assert 0 < acme.journal_bytes <= 10_000
    large = ended("large", acme, "y" * 20_000)
    assert large.journal.first > 0 or executions.get("large") is None
    assert executions.get("first of other") is not None


def test_without_a_limit_the_register_is_the_ledger() -> None:
    executions = Executions(limit_bytes=1, journal_limit_bytes=1)
    assert executions.ledger_of(Account("a")) is executions
    assert executions.ledger_of(None) is executions
