"""All tenants of a daemon: who a token stands for, and which contexts a request gets."""

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import attrs

from interpreterd.contexts.service import ContextService
from interpreterd.model.access_errors import TooManyAttempts, Unauthorized
from interpreterd.model.errors import Forbidden, InvalidRequest
from interpreterd.model.identity import Identity
from interpreterd.model.rules import NO_RULES, Rules
from interpreterd.tenants.attempts import Attempts
from interpreterd.tenants.contexts import TenantContexts
from interpreterd.tenants.owned import OwnedContexts
from interpreterd.tenants.reading import ReadOnlyContexts
from interpreterd.tenants.token_file import BadTokenFile, read
from interpreterd.tenants.tokens import Token, Tokens

UNKNOWN_TOKEN: Final = "the token is not known"
CREDENTIALS_LIMIT: Final = 8
"""So many texts of one request are tried, and no more: all of them together are one attempt."""
_log = logging.getLogger(__name__)


class Tenants:
    """The tokens, and the contexts of each tenant. One for an application that needs tokens."""

    def __init__(
        self, inner: OwnedContexts, *, token_file: str, chosen: Token | None, clock: Callable[[], float]
    ) -> None:
        """Serve the contexts of ``inner`` to clients with a token of the file, or with ``chosen``.

        Raises:
            BadTokenFile
        """
        self._inner = inner
        self._file = token_file
        self._chosen = chosen
        self._attempts = Attempts(clock)
        self._services: dict[tuple[str, bool, bool], ContextService] = {}
        self._names: frozenset[str] = frozenset()
        self._connections: dict[str, int | None] = {}
        self._tokens = self._read()

    def _read(self) -> Tokens:
        rules: Mapping[str, Rules] = {}
        tokens = Tokens((), self._chosen)
        if self._file:
            content = read(self._file)
            tokens, rules = Tokens(content.tokens, self._chosen), content.rules
        self._names = tokens.tenants | rules.keys()
        self._connections = {name: it.quotas.connections for name, it in rules.items()}
        for name in ("", *self._names):
            self._inner.add_tenant(name, rules.get(name, NO_RULES))
        return tokens

    def reload(self) -> Callable[[Identity], bool]:
        """Read the file again; return whether an identity that was found before is no longer true.

        If the file cannot be used, the log says so, and everything stays.
        """
        try:
            self._tokens = self._read()
        except BadTokenFile as error:
            _log.error("the tokens stay as they are: %s", error)
            return lambda _: False
        _log.info("the tokens have been read again")
        return self._is_outdated

    def _is_outdated(self, before: Identity) -> bool:
        token = self._tokens.get(before.token)
        if token is None or token.role != before.role:
            return True
        acts_for_another = before.role == "admin" and not before.sees_all
        return before.tenant not in self._names if acts_for_another else token.tenant != before.tenant

    def identify(self, credentials: Iterable[str], address: str, acts_for: str | None) -> Identity:
        """Return the identity of a request: the first of its ``credentials`` that is a token decides.

        Args:
            credentials: What the request has in the places of tokens; none of them is empty.
            address: Where it comes from.
            acts_for: The tenant that it names; only an administrator may name another one than his own.

        Raises:
            Unauthorized, TooManyAttempts: None is a token.
            Forbidden, InvalidRequest: It may not act for that tenant, or there is no such tenant.
        """
        tokens = self._tokens  # a reload, on another thread, may replace them meanwhile
        token, is_given = None, False
        for text in itertools.islice(credentials, CREDENTIALS_LIMIT):
            is_given = True
            if (token := tokens.find(text)) is not None:
                break
        if not is_given:
            raise Unauthorized
        if token is None:
            self._refuse(self._attempts.fails(address), address)
            raise Unauthorized(UNKNOWN_TOKEN)
        if token.guessable:
            self._refuse(self._attempts.guesses(address), address)
        if acts_for:
            return self._acting(token, acts_for)
        return tokens.identity_of(token)

    def _refuse(self, wait_s: int, address: str) -> None:
        if wait_s:
            _log.warning("too many wrong tokens from %s", address)
            raise TooManyAttempts(wait_s)

    def _acting(self, token: Token, tenant: str) -> Identity:
        if token.role != "admin":
            if tenant != token.tenant:
                raise Forbidden("only a token with the role admin may act for another tenant")
            return token.identity
        if tenant not in self._names:
            raise InvalidRequest(f"X-Tenant must be the name of a tenant, and there is none of the name {tenant}")
        return attrs.evolve(token.identity, tenant=tenant, sees_all=False)

    def connection_limit(self, tenant: str) -> int | None:
        """Return how many connections of a tenant may serve a request at the same time; None for no limit."""
        return self._connections.get(tenant)

    def contexts_of(self, identity: Identity) -> ContextService:
        """Return what ``identity`` may use. Equal identities get the same object."""
        key = identity.tenant, identity.sees_all, identity.role == "read"
        service = self._services.get(key)
        if service is None:
            service = TenantContexts(self._inner, identity.tenant, sees_all=identity.sees_all)
            if identity.role == "read":
                service = ReadOnlyContexts(service)
            self._services[key] = service
        return service
