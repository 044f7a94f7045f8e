"""What each tenant uses."""

from interpreterd.model.accounts import Accounts


def test_a_tenant_has_one_account_and_the_daemon_their_sum() -> None:
    accounts = Accounts()
    acme, globex = accounts.of("acme"), accounts.of("globex")
    assert accounts.of("acme") is acme
    acme.contexts, globex.contexts = 2, 3
    acme.unfinished, acme.running = 5, 2
    assert acme.queued == 3
    assert accounts.sum_of("contexts") == 5


def test_an_account_may_come_while_all_are_read() -> None:
    accounts = Accounts()
    accounts.of("a")
    assert [accounts.of(f"{each.tenant}2").tenant for each in accounts] == ["a2"]
