"""The contexts of one tenant, as dialects see them: the port over the contexts of all tenants.

An id of another tenant is answered as an id that does not exist; see ``names``.
"""

from collections.abc import AsyncIterator, Iterable, Sequence

import attrs

from interpreterd.contexts.service import ContextFiles, Events, Interrupted, Submission
from interpreterd.model.context_info import ContextInfo, RestartInfo
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import ExecutionNotFound, Forbidden
from interpreterd.model.events import Event, Gap, Happened
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.functions import CallAnswer, PendingCall
from interpreterd.model.isolation import Possible
from interpreterd.model.python import Python
from interpreterd.model.requests import ChangeContext, CreateContext, Execute
from interpreterd.model.stats import AllStats, Readings
from interpreterd.tenants.names import OwnNames
from interpreterd.tenants.owned import OwnedContexts
from interpreterd.tenants.state import TenantState


class TenantContexts:
    """Implements ``service.ContextService`` for one tenant."""

    def __init__(self, inner: OwnedContexts, tenant: str, *, sees_all: bool = False) -> None:
        """Serve the contexts of ``tenant`` within ``inner``, which knows it; all contexts, if it ``sees_all``.

        What it makes belongs to ``tenant`` in either case.
        """
        self._inner = inner
        self._tenant = tenant
        self._sees_all = sees_all
        names = OwnNames(inner.owner, tenant, sees_all=sees_all)
        self._default_id = names.default_id
        self._inside, self._shown, self._in_own_words = names.inside, names.shown, names.in_own_words
        self._state = TenantState(inner.state, names)

    @property
    def closing(self) -> bool:
        return self._inner.closing

    @property
    def state(self) -> TenantState:
        return self._state

    @property
    def file_limit_bytes(self) -> int | None:
        return self._inner.file_limit_bytes

    async def python(self) -> Python:
        return await self._inner.python()

    async def isolation(self) -> Possible:
        return await self._inner.isolation()

    async def directory(self) -> str:
        return await self._inner.directory(tenant=self._tenant)

    async def create(self, request: CreateContext) -> ContextInfo:
        archive = None if request.archive is None else (await self._state.archive_info(request.archive)).id
        return self._shown(await self._inner.create(attrs.evolve(request, tenant=self._tenant, archive=archive)))

    async def get(self, context_id: str, *, usage: bool = False) -> ContextInfo:
        with self._in_own_words(context_id):
            return self._shown(await self._inner.get(self._inside(context_id), usage=usage))

    async def contexts(
        self,
        *,
        default: bool = True,
        labels: Iterable[tuple[str, str]] = (),
        after: str | None = None,
        usage: bool = False,
    ) -> Iterable[ContextInfo]:
        after = None if after is None else self._inside(after)
        infos = await self._inner.contexts(
            default=default, labels=labels, after=after, usage=usage, tenant=None if self._sees_all else self._tenant
        )
        return map(self._shown, infos)

    async def change(self, context_id: str, request: ChangeContext) -> ContextInfo:
        with self._in_own_words(context_id):
            return self._shown(await self._inner.change(self._inside(context_id), request))

    async def delete(self, context_id: str) -> None:
        await self._inner.delete(self._inside(context_id))

    async def restart(self, context_id: str, *, cancel_queued: bool = False) -> RestartInfo:
        with self._in_own_words(context_id):
            done = await self._inner.restart(self._inside(context_id), cancel_queued=cancel_queued)
        return attrs.evolve(done, context=self._shown(done.context))

    async def submit(self, request: Execute, *, answers: bool = False) -> Submission:
        return self._named(await self._inner.submit(request, answers=answers, context_id=self._of(request)))

    async def submit_unattended(self, request: Execute) -> ExecutionInfo:
        return self._shown_execution(await self._inner.submit_unattended(request, context_id=self._of(request)))

    async def look(self, request: Execute) -> Submission:
        with self._in_own_words(request.context_id or DEFAULT_CONTEXT_ID):
            return self._named(await self._inner.look(request, context_id=self._of(request)))

    async def interrupt(self, context_id: str | None, execution_id: str | None = None) -> Interrupted:
        return await self._inner.interrupt(self._inside(context_id or DEFAULT_CONTEXT_ID), execution_id)

    async def answer(self, execution_id: str, text: str | None) -> bool:
        return self._owns_execution(execution_id) and await self._inner.answer(execution_id, text)

    async def answer_call(self, execution_id: str, call_id: str, answer: CallAnswer) -> bool:
        return await self._inner.answer_call(self._own_execution(execution_id), call_id, answer)

    async def calls(self, execution_id: str) -> Sequence[PendingCall]:
        return await self._inner.calls(self._own_execution(execution_id))

    async def execution(self, execution_id: str) -> ExecutionInfo:
        return self._shown_execution(await self._inner.execution(self._own_execution(execution_id)))

    async def executions(self, context_id: str, *, after: str | None = None) -> Iterable[ExecutionInfo]:
        with self._in_own_words(context_id):
            return map(self._shown_execution, await self._inner.executions(self._inside(context_id), after=after))

    async def follow_execution(self, execution_id: str, start: int = 0) -> Events[Event]:
        return await self._inner.follow_execution(self._own_execution(execution_id), start)

    async def follow_context(self, context_id: str, start: int | None = None) -> Events[Happened]:
        with self._in_own_words(context_id):
            return await self._inner.follow_context(self._inside(context_id), start)

    async def stats(self, context_id: str | None = None) -> AllStats:
        if context_id is not None:
            with self._in_own_words(context_id):
                stats = await self._inner.stats(self._inside(context_id))
        else:
            stats = await self._inner.stats(tenant=None if self._sees_all else self._tenant)
        contexts = [
            attrs.evolve(it, context_id=DEFAULT_CONTEXT_ID) if it.context_id == self._default_id else it
            for it in stats.contexts
        ]
        return attrs.evolve(stats, contexts=contexts, daemon=stats.daemon if self._sees_all else None)

    async def readings(self) -> Readings:
        if self._tenant and not self._sees_all:
            raise Forbidden("the metrics are of all tenants: they need a token that is not a tenant's")
        return await self._inner.readings()

    async def files(self, context_id: str) -> ContextFiles:
        return await self._inner.files(self._inside(context_id))

    def _owns_execution(self, execution_id: str) -> bool:
        owner = self._inner.owner_of_execution(execution_id)
        return owner is not None and (self._sees_all or owner == self._tenant)

    def _own_execution(self, execution_id: str) -> str:
        if not self._owns_execution(execution_id):
            raise ExecutionNotFound(execution_id)
        return execution_id

    def _of(self, request: Execute) -> str:
        """Return the id of the context of ``request`` within the daemon. Raises ``ContextNotFound``."""
        return self._inside(request.context_id or DEFAULT_CONTEXT_ID)

    def _shown_execution(self, info: ExecutionInfo) -> ExecutionInfo:
        if info.context_id != self._default_id or info.context_id == DEFAULT_CONTEXT_ID:
            return info
        return attrs.evolve(info, context_id=DEFAULT_CONTEXT_ID)

    def _named(self, submission: Submission) -> Submission:
        if submission.context_id != self._default_id or self._default_id == DEFAULT_CONTEXT_ID:
            return submission
        return InDefault(submission)


class InDefault:
    """An execution in a tenant's default context, and its events: a ``Submission``."""

    __slots__ = ("_inner", "ready", "stop")

    context_id = DEFAULT_CONTEXT_ID

    def __init__(self, inner: Submission) -> None:
        """Be ``inner``, under the id that clients know."""
        self._inner = inner
        self.ready, self.stop = inner.ready, inner.stop

    @property
    def execution_id(self) -> str:
        return self._inner.execution_id

    @property
    def next(self) -> int:
        return self._inner.next

    @property
    def at_end(self) -> bool:
        return self._inner.at_end

    def __aiter__(self) -> AsyncIterator[tuple[int, Event | Gap]]:
        return self._inner.__aiter__()
