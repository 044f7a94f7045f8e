"""The ids of contexts, as the clients of one tenant know them.

An id of another tenant is answered as an id that does not exist: with the same error, after the same look-up. The
tenant's default context has an id of its own within the daemon, and the id of every default context outside.
"""

import contextlib
from collections.abc import Callable, Iterator

import attrs

from interpreterd.model.context_info import ContextInfo
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID, default_of
from interpreterd.model.errors import ContextNotFound


class OwnNames:
    """Translates ids from and to the words of a tenant's clients.

    Attributes:
        default_id: Of the tenant's default context within the daemon.
    """

    def __init__(self, owner: Callable[[str], str | None], tenant: str, *, sees_all: bool = False) -> None:
        """``owner`` tells the tenant of a context, or None; clients that see ``sees_all`` may name any context."""
        self._owner = owner
        self.tenant = tenant
        self.sees_all = sees_all
        self.default_id = default_of(tenant)

    def inside(self, context_id: str) -> str:
        """Return the id within the daemon. Raises ``ContextNotFound`` for a context that is not the tenant's."""
        if context_id == DEFAULT_CONTEXT_ID:
            return self.default_id
        owner = self._owner(context_id)
        if owner is None or not (self.sees_all or (owner == self.tenant and context_id != self.default_id)):
            raise ContextNotFound(context_id)
        return context_id

    def outside(self, context_id: str) -> str:
        """Return an id of the tenant's as its clients know it."""
        return DEFAULT_CONTEXT_ID if context_id == self.default_id else context_id

    @contextlib.contextmanager
    def in_own_words(self, context_id: str) -> Iterator[None]:
        """Let no error of the block name the id within the daemon."""
        try:
            yield
        except ContextNotFound:
            raise ContextNotFound(context_id) from None

    def shown(self, info: ContextInfo) -> ContextInfo:
        """Return a context as the tenant's clients know it; those that see all are told whose it is."""
        if self.default_id not in (info.id, info.forked_from):
            return info if self.sees_all else attrs.evolve(info, tenant=None)
        origin = None if info.forked_from is None else self.outside(info.forked_from)
        tenant = info.tenant if self.sees_all else None
        return attrs.evolve(info, id=self.outside(info.id), forked_from=origin, tenant=tenant)
