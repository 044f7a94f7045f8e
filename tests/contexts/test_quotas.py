"""Quotas refuse what goes beyond them, and say which limit that is."""

from typing import Any

import pytest

from interpreterd.contexts import quotas
from interpreterd.contexts.quotas import DAY_S, QuotaGuard
from interpreterd.model.access_errors import QuotaReached
from interpreterd.model.accounts import Account, Accounts
from interpreterd.model.errors import LimitReached
from interpreterd.model.rules import NO_QUOTAS, Quotas, Rules


class Clock:
    """Stands for the module ``time``."""

    now = 10.0 * DAY_S

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class Used:
    """Stands for the contexts and the sampler: one context, and what it uses."""

    cpu_s = 0.0
    memory_bytes = 0

    def __init__(self, account: Account) -> None:
        self.account = account

    def cpu_of(self, context_id: str) -> float:
        return self.cpu_s

    def memory_of(self, context_id: str) -> int:
        return self.memory_bytes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(quotas, "time", clock)
    return clock


def guarded(own: Quotas = NO_QUOTAS, **of_tenant: Any) -> tuple[QuotaGuard, Account, Account, Used]:
    """Return a guard, a tenant with quotas and one without, and what the first one uses."""
    accounts = Accounts()
    acme, other = accounts.of("acme"), accounts.of("other")
    acme.rules = Rules(quotas=Quotas(**of_tenant)) if of_tenant else Rules()
    used = Used(acme)
    return QuotaGuard(own, accounts, {"c": used}, used), acme, other, used  # type: ignore[arg-type]


def test_a_tenants_quota_refuses_only_its_own(clock: Clock) -> None:
    guard, acme, other, _ = guarded(contexts=1, queued=2)
    guard.check_context(acme)
    acme.contexts = other.contexts = 1
    acme.unfinished, acme.running = 3, 1
    with pytest.raises(QuotaReached, match="too many contexts: the tenant's limit max-contexts is 1"):
        guard.check_context(acme)
    with pytest.raises(QuotaReached, match="too many waiting executions: the tenant's limit max-queued is 2"):
        guard.check_execution(acme)
    guard.check_context(other)
    guard.check_execution(other)


def test_the_daemons_quota_counts_all_and_is_no_tenants_fault(clock: Clock) -> None:
    guard, acme, other, _ = guarded(Quotas(queued=2))
    acme.unfinished = other.unfinished = 1
    with pytest.raises(LimitReached, match="too many waiting executions: the limit max-queued is 2") as caught:
        guard.check_execution(other)
    assert not isinstance(caught.value, QuotaReached)


def test_creations_are_limited_in_a_second_and_a_refused_one_does_not_count(clock: Clock) -> None:
    guard, acme, other, _ = guarded(creations_per_s=2.0)
    for _ in range(2):
        guard.check_context(acme)
    for _ in range(3):
        with pytest.raises(QuotaReached, match="limit max-creations-per-s is 2") as caught:
            guard.check_context(acme)
    assert caught.value.retry_after_s == 1
    guard.check_context(other)
    clock.now += 0.5
    guard.check_context(acme)
    with pytest.raises(QuotaReached):
        guard.check_context(acme)


def test_a_rate_below_one_lets_one_through_after_its_time(clock: Clock) -> None:
    guard, acme, _, _ = guarded(creations_per_s=0.1)
    guard.check_context(acme)
    with pytest.raises(QuotaReached) as caught:
        guard.check_context(acme)
    assert caught.value.retry_after_s == 10
    clock.now += 10
    guard.check_context(acme)


def test_processor_time_is_counted_from_midnight_to_midnight(clock: Clock) -> None:
    guard, acme, other, used = guarded(cpu_s_per_day=100.0)
    clock.now += DAY_S - 60
    used.cpu_s = 60
    acme.gone_cpu_s = 39.5
    guard.check_execution(acme)
    clock.now += 1
    used.cpu_s = 61
    with pytest.raises(QuotaReached, match=r"too much processor time today: .* max-cpu-s-per-day is 100") as caught:
        guard.check_execution(acme)
    assert caught.value.retry_after_s == 59
    with pytest.raises(QuotaReached):
        guard.check_context(acme)
    guard.check_execution(other)
    clock.now += 60
    guard.check_execution(acme)


def test_memory_is_that_of_the_latest_look(clock: Clock) -> None:
    guard, acme, other, used = guarded(Quotas(memory_bytes=3 << 30), memory_bytes=1 << 30)
    guard.check_execution(acme)
    clock.now += 2
    used.memory_bytes = 1 << 30
    with pytest.raises(QuotaReached, match="too much memory is in use: the tenant's limit max-memory is 1 GiB"):
        guard.check_execution(acme)
    guard.check_execution(other)
    clock.now += 2
    used.memory_bytes = 3 << 30
    with pytest.raises(LimitReached, match="the limit max-memory is 3 GiB"):
        guard.check_execution(other)


def test_the_memory_of_checkpoints_is_memory_and_refuses_further_ones(clock: Clock) -> None:
    guard, acme, other, used = guarded(memory_bytes=1 << 30)
    used.memory_bytes = (1 << 30) - 100
    guard.check_checkpoint(acme)
    clock.now += 2
    acme.checkpoint_bytes = 100
    for check in (guard.check_checkpoint, guard.check_context, guard.check_execution):
        with pytest.raises(QuotaReached, match="too much memory is in use: the tenant's limit max-memory is 1 GiB"):
            check(acme)
    guard.check_checkpoint(other)


def test_an_archive_may_fill_the_quota_and_not_exceed_it(clock: Clock) -> None:
    guard, acme, other, _ = guarded(Quotas(archive_bytes=4 << 20), archive_bytes=1 << 20)
    acme.archive_bytes = (1 << 20) - 10
    guard.check_archive(acme)
    guard.check_archive(acme, 10)
    with pytest.raises(QuotaReached, match=r"too many bytes in archives: .* limit archives-total-bytes is 1 MiB"):
        guard.check_archive(acme, 11)
    acme.archive_bytes += 10
    with pytest.raises(QuotaReached):
        guard.check_archive(acme)
    guard.check_archive(other, 3 << 20)
    with pytest.raises(LimitReached, match="the limit archives-total-bytes is 4 MiB") as caught:
        guard.check_archive(other, (3 << 20) + 1)
    assert not isinstance(caught.value, QuotaReached)
