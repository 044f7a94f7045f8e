"""What the manager knows of tenants: their accounts and default contexts, and what each may use."""

from collections.abc import Mapping

from interpreterd.contexts.limits import limits_of, quotas_of, shares_of
from interpreterd.contexts.quotas import Owned, QuotaGuard
from interpreterd.contexts.sampler import Sampler
from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.turns import NO_SHARES
from interpreterd.model.accounts import Account, Accounts
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID, default_of
from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.model.isolation import PROFILES, Isolation, IsolationRequest, is_below, tightened
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext
from interpreterd.model.rules import Rules
from interpreterd.workers.directory import real_directory


class Tenancies:
    """All tenants. Without tokens there is one, whose name is empty.

    Attributes:
        defaults: The contexts that their first use makes, by id.
        shares: What executions and starts take turns for.
    """

    def __init__(
        self, settings: ContextSettings, contexts: Mapping[str, Owned], sampler: Sampler, usual: Isolation
    ) -> None:
        """``contexts`` are all contexts by id; ``usual`` is the daemon's own isolation."""
        self.accounts = Accounts()
        self.defaults = {DEFAULT_CONTEXT_ID: CreateContext()}  # as if a client had asked for it
        self.quotas = QuotaGuard(quotas_of(settings), self.accounts, contexts, sampler)
        self.shares = shares_of(settings)
        self._settings = settings
        self._limits = limits_of(settings)
        self._usual = usual

    def add(self, tenant: str, rules: Rules) -> None:
        """Let ``tenant`` have contexts, among them a default one, within ``rules``; repeating it changes these."""
        self.accounts.of(tenant).rules = rules
        if self.shares is NO_SHARES:
            self.shares = shares_of(self._settings, always=True)
        self.defaults[default_of(tenant)] = CreateContext(tenant=tenant)

    def admit(self, request: CreateContext) -> tuple[Account, Limits]:
        """Return the account of a new context, and its limits: the daemon's, the tenant's, its own.

        Raises:
            InvalidLimit, LimitReached, QuotaReached
        """
        account = self.accounts.of(request.tenant)
        limits = self._limits.lowered(account.rules.limits).tightened(request.limits)
        self.quotas.check_context(account)
        return account, limits

    def lowered(self, request: CreateContext) -> Limits:
        """Return the limits of a context that exists already: the tightest of all three. Nothing is refused."""
        return self._limits.lowered(self.accounts.of(request.tenant).rules.limits).lowered(request.limits)

    def directory(self, request: CreateContext) -> str:
        """Return where a new context begins: a tenant that has a directory gets none outside of it.

        Raises:
            InvalidWorkingDirectory: It is outside, also by way of a symbolic link.
        """
        own = self.directory_of(request.tenant)
        if request.cwd is None:
            return own
        if self.accounts.of(request.tenant).rules.cwd is None:
            return request.cwd
        real = real_directory(request.cwd) if request.cwd.startswith("/") and "\0" not in request.cwd else ""
        if not is_below(real, (real_directory(own),)):
            raise InvalidWorkingDirectory(f"working directory is not in the tenant's directory, {own}: {request.cwd}")
        return real

    def directory_of(self, tenant: str) -> str:
        """Return the directory in which contexts of ``tenant`` begin that name none."""
        return self.accounts.of(tenant).rules.cwd or self._settings.cwd

    def isolation(self, request: CreateContext) -> Isolation:
        """Return the isolation of a new context, found in the same way. Raises ``InvalidRequest``."""
        usual, profile = self._usual, self.accounts.of(request.tenant).rules.isolation
        if profile is not None and PROFILES.index(profile) > PROFILES.index(usual.profile):
            usual = tightened(usual, IsolationRequest(profile=profile))
        return tightened(usual, request.isolation)
