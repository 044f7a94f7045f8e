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
