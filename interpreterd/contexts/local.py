"""The contexts of this daemon, as dialects see them: the port, implemented by the manager and its executions."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.files import LocalFiles, Transfers
from interpreterd.contexts.ids import ids_after
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.reading import daemon_stats, stats_of, take_readings
from interpreterd.contexts.service import Events, Interrupted
from interpreterd.contexts.state.local import LocalState
from interpreterd.files.settings import FileSettings
from interpreterd.model.context_info import NO_USAGES, ContextInfo, RestartInfo, Usage
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.digest import SHORT_CHARS, digest
from interpreterd.model.errors import ContextNotFound, ExecutionNotFound, ServerShuttingDown
from interpreterd.model.events import Event, Gap, Happened
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.file_errors import FileForbidden
from interpreterd.model.functions import CallAnswer, PendingCall
from interpreterd.model.isolation import Possible
from interpreterd.model.python import Python
from interpreterd.model.requests import ChangeContext, CreateContext, Execute
from interpreterd.model.rules import Rules
from interpreterd.model.stats import AllStats, Readings
from interpreterd.monitoring.tracers import with_trace
from interpreterd.workers.isolation.apart import all_apart

_threads = ThreadPoolExecutor(1, thread_name_prefix="digest")  # more would only compete for the processor


class LocalContexts:
    """Implements ``service.ContextService``, which describes each verb, and ``tenants.owned.OwnedContexts``."""

    def __init__(self, manager: Manager, files: FileSettings | None = None) -> None:
        """Serve the contexts of ``manager``, which stays the caller's."""
        self._manager = manager
        self._files = FileSettings() if files is None else files
        self._transfers = Transfers()
        self._state = LocalState(manager)

    @property
    def closing(self) -> bool:
        return self._manager.intake.closing

    @property
    def file_limit_bytes(self) -> int | None:
        return self._files.file_limit_bytes

    @property
    def state(self) -> LocalState:
        return self._state

    async def python(self) -> Python:
        return await self._manager.python()

    async def directory(self, *, tenant: str | None = None) -> str:
        return self._manager.tenancies.directory_of(tenant or "")

    async def isolation(self) -> Possible:
        return await self._manager.isolator.possible()

    async def create(self, request: CreateContext) -> ContextInfo:
        if request.archive is not None:
            from interpreterd.contexts.state.loading import created_from_archive

            return await created_from_archive(self._manager, request, request.archive)
        return await self._manager.create(request)

    async def get(self, context_id: str, *, usage: bool = False) -> ContextInfo:
        usages = await self._manager.usage() if usage else NO_USAGES
        return self._manager.existing(context_id).info(usages)

    async def contexts(
        self,
        *,
        default: bool = True,
        labels: Iterable[tuple[str, str]] = (),
        after: str | None = None,
        usage: bool = False,
        tenant: str | None = None,
    ) -> Iterable[ContextInfo]:
        usages = await self._manager.usage() if usage else NO_USAGES
        ids = [context.id for context in self._manager.list(with_default=default, labels=labels, tenant=tenant)]
        return self._described(ids_after(ids, after, ContextNotFound), usages)

    def _described(self, ids: Iterable[str], usages: Mapping[int, Usage]) -> Iterator[ContextInfo]:
        for context_id in ids:
            if (context := self._manager.find(context_id)) is not None:  # otherwise it was deleted meanwhile
                yield context.info(usages)

    async def change(self, context_id: str, request: ChangeContext) -> ContextInfo:
        info = self._manager.change(context_id, request)
        if self._manager.survival is not None:
            await self._manager.survival.record(self._manager.existing(context_id))
        return info

    async def delete(self, context_id: str) -> None:
        await self._manager.delete(context_id)

    async def restart(self, context_id: str, *, cancel_queued: bool = False) -> RestartInfo:
        context = self._manager.existing(context_id)
        unfinished = context.transcript.unfinished()
        await context.restart(cancel_queued=cancel_queued)
        return RestartInfo(
            context=context.info(),
            lost=[it.id for it in unfinished if it.state == "lost"],
            cancelled=[it.id for it in unfinished if it.state == "cancelled"],
        )

    async def submit(
        self, request: Execute, *, answers: bool = False, context_id: str | None = None
    ) -> "LocalSubmission":
        if len(request.code) > SHORT_CHARS:
            request = await with_digest(request)
        context, execution = self._manager.submit(with_trace(request), answers=answers, context_id=context_id)
        return LocalSubmission(context, execution, stays=request.stays)

    async def submit_unattended(self, request: Execute, *, context_id: str | None = None) -> ExecutionInfo:
        request = with_trace(await with_digest(request))
        _, execution = self._manager.submit(request, client=False, context_id=context_id)
        return execution.info()

    async def look(self, request: Execute, *, context_id: str | None = None) -> "LocalSubmission":
        if self._manager.intake.closing:
            raise ServerShuttingDown
        context = self._manager.existing(context_id or request.context_id or DEFAULT_CONTEXT_ID)
        return LocalSubmission(context, context.submit(request), stays=False)

    async def interrupt(self, context_id: str | None, execution_id: str | None = None) -> Interrupted:
        return self._manager.interrupt(context_id, execution_id)

    async def answer(self, execution_id: str, text: str | None) -> bool:
        execution = self._manager.executions.get(execution_id)
        context = None if execution is None else self._manager.find(execution.context_id)
        return context is not None and context.answer(execution_id, text)

    async def answer_call(self, execution_id: str, call_id: str, answer: CallAnswer) -> bool:
        context = self._manager.find(self._execution(execution_id).context_id)
        return context is not None and context.answer_call(execution_id, call_id, answer)

    async def calls(self, execution_id: str) -> Sequence[PendingCall]:
        context = self._manager.find(self._execution(execution_id).context_id)
        return [] if context is None else context.transcript.calls.listed(execution_id)

    async def execution(self, execution_id: str) -> ExecutionInfo:
        return self._execution(execution_id).info()

    async def executions(self, context_id: str, *, after: str | None = None) -> Iterable[ExecutionInfo]:
        context = self._manager.existing(context_id)
        executions = [*context.transcript.unfinished(), *self._manager.executions.latest(context_id)]
        ids = ids_after([execution.id for execution in executions], after, ExecutionNotFound)
        found = map(self._manager.executions.get, ids)
        # Otherwise it was forgotten meanwhile.
        return (execution.info() for execution in found if execution is not None)

    async def follow_execution(self, execution_id: str, start: int = 0) -> Events[Event]:
        return self._execution(execution_id).journal.follow(start)

    async def follow_context(self, context_id: str, start: int | None = None) -> Events[Happened]:
        feed = self._manager.existing(context_id).transcript.feed
        return feed.follow(feed.next if start is None else start)

    async def stats(self, context_id: str | None = None, *, tenant: str | None = None) -> AllStats:
        manager = self._manager
        if context_id is None:
            contexts = [it for it in manager.list(with_default=True) if tenant in (None, it.account.tenant)]
        else:
            contexts = [manager.existing(context_id)]
        measured = await manager.sampler.ask({it.id: pid for it in contexts if (pid := it.pid) is not None})
        disks = await manager.sampler.disks(name for it in contexts for name in it.transcript.tally.directories)
        found = [stats_of(it, manager.sampler, measured.get(it.id), disks) for it in contexts]
        return AllStats(at=time.time(), contexts=found, daemon=await asyncio.to_thread(daemon_stats))

    async def readings(self) -> Readings:
        manager = self._manager
        contexts, accounts = manager.list(with_default=True), manager.tenancies.accounts
        return take_readings(contexts, manager.executions, manager.sampler, accounts)

    async def files(self, context_id: str) -> LocalFiles:
        directory, user = await self._manager.directory(context_id)
        context = self._manager.find(context_id)
        isolation = self._manager.isolator.usual if context is None else context.place.info.isolation
        if isolation.is_on and any(it.is_in(directory) for it in all_apart()):  # of which the code sees nothing
            raise FileForbidden("the context's directory holds --state-dir: clients cannot reach files in it")
        return LocalFiles(directory, self._files, self._transfers, user=user)

    async def _prepare(self, context_id: str | None) -> None:
        if self._manager.find(context_id or DEFAULT_CONTEXT_ID) is None:
            await self._manager.prepare(context_id)

    def owner(self, context_id: str) -> str | None:
        context = self._manager.find(context_id)
        return None if context is None else context.account.tenant

    def owner_of_execution(self, execution_id: str) -> str | None:
        execution = self._manager.executions.get(execution_id)
        return None if execution is None else execution.account.tenant

    def add_tenant(self, tenant: str, rules: Rules) -> None:
        self._manager.tenancies.add(tenant, rules)

    def _execution(self, execution_id: str) -> ExecutionRecord:
        execution = self._manager.executions.get(execution_id)
        if execution is None:
            raise ExecutionNotFound(execution_id)
        return execution


class LocalSubmission:
    """See ``service.Submission``."""

    __slots__ = ("_context", "_execution", "_follower", "_stays", "_stopped")

    def __init__(self, context: Context, execution: ExecutionRecord, *, stays: bool) -> None:
        """Be the client of ``execution``, an execution of ``context``."""
        self._context = context
        self._execution = execution
        self._follower = execution.journal.client
        self._stays = stays
        self._stopped = False

    @property
    def execution_id(self) -> str:
        return self._execution.id

    @property
    def context_id(self) -> str:
        return self._context.id

    @property
    def next(self) -> int:
        return self._follower.next

    @property
    def at_end(self) -> bool:
        return self._follower.at_end

    def __aiter__(self) -> AsyncIterator[tuple[int, Event | Gap]]:
        return self._follower

    async def ready(self) -> list[tuple[int, Event | Gap]]:
        return await self._follower.ready()

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._follower.stop()
        self._context.answer(self._execution.id, None)
        if not (self._stays or self._execution.ended):
            self._context.interrupt(self._execution.id)


async def with_digest(request: Execute) -> Execute:
    """Return ``request`` with the digest of its code, which a thread computes; unchanged if the code is short."""
    if len(request.code) <= SHORT_CHARS:
        return request
    known = await asyncio.get_running_loop().run_in_executor(_threads, digest, request.code)
    return attrs.evolve(request, digest=known)
