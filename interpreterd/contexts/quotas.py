"""What all contexts of a tenant, and of the daemon, may use together; what goes beyond is refused.

Processor time and memory are known from the sampler's looks: a tenant may exceed them for as long as one takes. What
runs goes on. Processor time is counted from midnight to midnight, UTC, and from the daemon's start.
"""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from attrs import define

from interpreterd.contexts.sampler import Sampler
from interpreterd.model.access_errors import QuotaReached
from interpreterd.model.accounts import Account, Accounts
from interpreterd.model.errors import LimitReached
from interpreterd.model.limits import size_in_words
from interpreterd.model.rules import NO_QUOTAS, Quotas

DAY_S: Final = 86_400
MEASURED_S: Final = 1.0
"""So long a sum is used again."""


class Owned(Protocol):
    """A context."""

    @property
    def account(self) -> Account: ...


@define
class _Spent:
    """What a tenant, or the daemon, has used."""

    quotas: Quotas = NO_QUOTAS
    creations: float = 0.0  # those that are counted; they fall with time
    created_at: float = 0.0
    day: int = -1
    before_day_s: float = 0.0


class QuotaGuard:
    """Checks quotas before anything is made. Without quotas, a check is a comparison."""

    def __init__(self, own: Quotas, accounts: Accounts, contexts: Mapping[str, Owned], sampler: Sampler) -> None:
        """``own`` are the daemon's; ``contexts`` are all contexts by id, which ``sampler`` measures."""
        self._own = own
        self._accounts = accounts
        self._contexts = contexts
        self._sampler = sampler
        self._spent: dict[Account | None, _Spent] = {}
        self._use: dict[Account, tuple[float, int]] = {}
        self._used_at = -math.inf

    def check_context(self, account: Account) -> None:
        """Count a new context. Raises ``LimitReached`` or ``QuotaReached`` if there may be none."""
        for whose, quotas in self._quotas(account):
            count = account.contexts if whose is not None else self._accounts.sum_of("contexts")
            if quotas.contexts is not None and count >= quotas.contexts:
                raise _refusal(whose, "many contexts", "max-contexts", quotas.contexts)
            self._check_use(whose, quotas)
        for whose, quotas in self._quotas(account):
            if quotas.creations_per_s is not None:
                self._check_rate(whose, quotas.creations_per_s)
        for whose, quotas in self._quotas(account):
            if quotas.creations_per_s is not None:
                self._spent[whose].creations += 1

    def check_execution(self, account: Account) -> None:
        """Raise ``LimitReached`` or ``QuotaReached`` if there may be no further execution."""
        for whose, quotas in self._quotas(account):
            if quotas.queued is not None:
                queued = account.queued if whose is not None else self._accounts.sum_of("queued")
                if queued >= quotas.queued:
                    raise _refusal(whose, "many waiting executions", "max-queued", quotas.queued)
            self._check_use(whose, quotas)

    def check_checkpoint(self, account: Account) -> None:
        """Raise ``LimitReached`` or ``QuotaReached`` if there may be no further checkpoint, which costs memory."""
        for whose, quotas in self._quotas(account):
            self._check_use(whose, quotas)

    def check_archive(self, account: Account, size_bytes: int = 1) -> None:
        """Raise so if there may be no archive of ``size_bytes``, or none that has so many already, beside the others.

        While an archive is written, each of its pieces asks.
        """
        for whose, quotas in self._quotas(account):
            if quotas.archive_bytes is not None:
                there = account.archive_bytes if whose is not None else self._accounts.sum_of("archive_bytes")
                if there + size_bytes > quotas.archive_bytes:
                    value = size_in_words(quotas.archive_bytes)
                    raise _refusal(whose, "many bytes in archives", "archives-total-bytes", value)

    def _quotas(self, account: Account) -> Iterable[tuple[Account | None, Quotas]]:
        """Yield those of the tenant and of the daemon, which is None, as far as they have any."""
        if account.rules.quotas is not NO_QUOTAS:
            yield account, account.rules.quotas
        if self._own is not NO_QUOTAS:
            yield None, self._own

    def _check_rate(self, whose: Account | None, per_s: float) -> None:
        spent, now = self._spent.setdefault(whose, _Spent()), time.monotonic()
        spent.creations = max(0.0, spent.creations - (now - spent.created_at) * per_s)
        spent.created_at = now
        at_once = max(1.0, per_s)
        if spent.creations + 1 > at_once:
            wait_s = math.ceil((spent.creations + 1 - at_once) / per_s)
            raise _refusal(whose, "many new contexts", "max-creations-per-s", f"{per_s:g}", wait_s)

    def _check_use(self, whose: Account | None, quotas: Quotas) -> None:
        if quotas.cpu_s_per_day is None and quotas.memory_bytes is None:
            return
        cpu_s, memory_bytes = self._used(whose)
        if quotas.memory_bytes is not None and memory_bytes >= quotas.memory_bytes:
            raise _refusal(whose, "much memory is in use", "max-memory", size_in_words(quotas.memory_bytes))
        if quotas.cpu_s_per_day is not None:
            spent, now = self._spent.setdefault(whose, _Spent()), time.time()
            day = int(now // DAY_S)
            if spent.day != day:
                spent.before_day_s = cpu_s if spent.day >= 0 else 0.0
                spent.day = day
            if cpu_s - spent.before_day_s >= quotas.cpu_s_per_day:
                left_s = math.ceil((day + 1) * DAY_S - now)
                value = f"{quotas.cpu_s_per_day:g}"
                raise _refusal(whose, "much processor time today", "max-cpu-s-per-day", value, left_s)

    def _used(self, whose: Account | None) -> tuple[float, int]:
        now = time.monotonic()
        if now - self._used_at >= MEASURED_S:
            self._used_at = now
            self._use = {it: (it.gone_cpu_s, it.checkpoint_bytes) for it in self._accounts}
            for context_id, context in self._contexts.items():
                cpu_s, memory_bytes = self._use.get(context.account, (0.0, 0))
                cpu_s += self._sampler.cpu_of(context_id)
                self._use[context.account] = cpu_s, memory_bytes + self._sampler.memory_of(context_id)
        if whose is not None:
            return self._use.get(whose, (0.0, 0))
        return sum(it[0] for it in self._use.values()), sum(it[1] for it in self._use.values())


def _refusal(whose: Account | None, what: str, key: str, value: object, retry_after_s: int = 1) -> LimitReached:
    kind, possessor = (LimitReached, "the") if whose is None else (QuotaReached, "the tenant's")
    return kind(f"too {what}: {possessor} limit {key} is {value}", retry_after_s=retry_after_s)
