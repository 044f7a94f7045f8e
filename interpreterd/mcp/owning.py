"""Whose a context is: each is labelled with its client, and other clients neither see nor touch it."""

import asyncio
import weakref
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from interpreterd.client import AsyncContext, AsyncInterpreter, ContextNotFound, Refused
from interpreterd.mcp.answers import Unusable
from interpreterd.mcp.callers import Caller
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID

CLIENT_LABEL: Final = "mcp"  # the client's name, for people
OWNER_LABEL: Final = "mcp.owner"
OWN_LABEL: Final = "mcp.own"  # used where a call names no context
ALIVE_LABEL: Final = "mcp.alive"  # when its client was last there; beside the time of its last use
KNOWN_LIMIT: Final = 4096  # ids that are remembered, so that a call needs no question


class Contexts:
    """The contexts of a daemon, as far as a caller may see them."""

    def __init__(
        self,
        *,
        sees_all: bool = False,
        shared: str | None = None,
        cwd: str | None = None,
        envs: Mapping[str, str] | None = None,
        idle_s: float = 0,
    ) -> None:
        """``shared`` is the id of a context that every caller uses as its own; ``cwd`` is where new ones begin.

        ``sees_all`` lets every caller see and touch all contexts. ``idle_s`` is for ``sweep``.
        """
        self._sees_all = sees_all
        self._shared = shared
        self._cwd = cwd
        self._envs = dict(envs or {})
        self._idle_s = idle_s
        self._known: dict[tuple[str, str], None] = {}
        self._own: dict[str, str] = {}
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def checked(self, py: AsyncInterpreter, caller: Caller, context_id: str) -> str:
        """Return ``context_id``. Raises ``Unusable`` if the caller may not use it, or there is none."""
        if (caller.key, context_id) not in self._known:
            if context_id != self._shared and not (self._sees_all and context_id == DEFAULT_CONTEXT_ID):
                await self._look(py, caller, context_id)
            self._remember(caller, context_id)
        return context_id

    async def _look(self, py: AsyncInterpreter, caller: Caller, context_id: str) -> None:
        try:
            context = await py.get_context(context_id)
        except ContextNotFound:
            raise missing(context_id) from None
        if not self._may_see(caller, context):
            raise missing(context_id)

    async def own(self, py: AsyncInterpreter, caller: Caller) -> str:
        """Return the id of the caller's own context, which is made if need be; for other callers a new one."""
        if self._shared is not None:
            return self._shared
        if caller.home is None:
            return (await self.make(py, caller)).id
        if (known := self._own.get(caller.home)) is not None:
            return known
        lock = self._locks.setdefault(caller.home, asyncio.Lock())
        async with lock:
            if caller.home not in self._own:
                labels = {OWNER_LABEL: caller.key, OWN_LABEL: caller.home}
                found = await py.list_contexts(labels=labels)
                context = found[-1] if found else await self.make(py, caller, own=caller.home)
                self._remember(caller, context.id)
                self._own[caller.home] = context.id
                if len(self._own) > KNOWN_LIMIT:
                    del self._own[next(iter(self._own))]
            return self._own[caller.home]

    async def make(
        self,
        py: AsyncInterpreter,
        caller: Caller,
        *,
        cwd: str | None = None,
        envs: Mapping[str, str] | None = None,
        own: str | None = None,
    ) -> AsyncContext:
        """Make a context for the caller."""
        labels = {CLIENT_LABEL: caller.name, OWNER_LABEL: caller.key} | ({OWN_LABEL: own} if own else {})
        context = await py.create_context(cwd or self._cwd, envs={**self._envs, **(envs or {})}, metadata=labels)
        self._remember(caller, context.id)
        return context

    async def fork(self, py: AsyncInterpreter, caller: Caller, context_id: str) -> AsyncContext:
        """Copy a context for the caller. The copy is nobody's own one."""
        original = await py.get_context(context_id)
        labels = {key: value for key, value in original["metadata"].items() if key != OWN_LABEL}
        labels |= {CLIENT_LABEL: caller.name, OWNER_LABEL: caller.key}
        context = await original.fork(metadata=labels)
        self._remember(caller, context.id)
        return context

    async def listed(self, py: AsyncInterpreter, caller: Caller) -> list[AsyncContext]:
        """Return the contexts that the caller may see."""
        if self._sees_all or self._shared is not None:
            return [it for it in await py.list_contexts() if self._may_see(caller, it)]
        return await py.list_contexts(labels={OWNER_LABEL: caller.key})

    def is_own(self, caller: Caller, context_id: str) -> bool:
        """Return whether it is used where a call names no context."""
        return context_id in (self._shared, self._own.get(caller.home or ""))

    def forget(self, context_id: str) -> None:
        """Forget a context, because it is gone."""
        for key in [key for key in self._known if key[1] == context_id]:
            del self._known[key]
        self._own = {key: own for key, own in self._own.items() if own != context_id}

    async def sweep(self, py: AsyncInterpreter, alive: Collection[str]) -> None:
        """Note that the clients with the keys ``alive`` are there; end unused contexts of those that have gone.

        All servers on this daemon do so, each for its own clients: so no client is taken for gone while one of them
        knows it.
        """
        now = datetime.now(UTC)
        for context in await py.list_contexts():
            labels = context["metadata"]
            if OWNER_LABEL not in labels:
                continue
            try:
                if labels[OWNER_LABEL] in alive:
                    await py.label_context(context.id, {ALIVE_LABEL: now.isoformat(timespec="seconds")})
                elif self._is_left(context, now):
                    await py.delete_context(context.id)
                    self.forget(context.id)
            except Refused:  # it is gone
                continue

    def _is_left(self, context: AsyncContext, now: datetime) -> bool:
        try:
            alive_at = datetime.fromisoformat(context["metadata"].get(ALIVE_LABEL, context["createdAt"]))
            last_at = max(alive_at, datetime.fromisoformat(context["lastUsedAt"]))
        except (ValueError, TypeError):  # another client has changed the label
            return False
        works = context["state"] not in ("idle", "dead", "hibernating") or context["queued"]
        return not works and (now - last_at).total_seconds() > self._idle_s

    def _may_see(self, caller: Caller, context: AsyncContext) -> bool:
        if self._sees_all or context.id == self._shared:
            return True
        return bool(context["metadata"].get(OWNER_LABEL) == caller.key)

    def _remember(self, caller: Caller, context_id: str) -> None:
        self._known[caller.key, context_id] = None
        if len(self._known) > KNOWN_LIMIT:
            del self._known[next(iter(self._known))]


def missing(context_id: str) -> Unusable:
    """Return what a model is told about a context that is not there, or not its own."""
    return Unusable(f"you have no context {context_id[:100]}: `contexts` lists yours")
