"""The registry of contexts: creates, finds, lists and ends them."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from interpreterd.background import supervised
from interpreterd.contexts.admission import check_preload
from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.expiry import expired
from interpreterd.contexts.ids import new_id
from interpreterd.contexts.intake import Intake
from interpreterd.contexts.limits import register_of
from interpreterd.contexts.lookup import Lookup
from interpreterd.contexts.making import Maker
from interpreterd.contexts.peers import Peers
from interpreterd.contexts.registering import Registering
from interpreterd.contexts.sampler import Sampler
from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.state.keeper import Keeper
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.contexts.tenancies import Tenancies
from interpreterd.model.context_info import ContextInfo, Usage
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import (
    ContextDeleted,
    ContextNotFound,
    DefaultContextKept,
    InterpreterError,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.model.isolation import Isolation
from interpreterd.model.python import Python
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.model.state_errors import NoStateDirectory
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.processes.usage import UsageMeter
from interpreterd.workers.directory import check_directory, real_directory
from interpreterd.workers.isolation.isolator import Isolator, Unisolated
from interpreterd.workers.launcher import Launcher
from interpreterd.workers.settings import WorkerSettings
from interpreterd.workers.watcher import Watcher

if TYPE_CHECKING:
    from interpreterd.contexts.state.archives import KeptArchives
    from interpreterd.contexts.state.survival import Survival

REST_S: Final = 4.0  # for persistent contexts to be archived when the daemon ends; see daemon.SHUTDOWN_LIMIT_S
_log = logging.getLogger(__name__)


class Manager(Lookup, Registering):
    """All contexts of a daemon. An async context manager: at its end no worker is left.

    Attributes:
        state: The settings of what contexts keep.
        archives: Those in the state directory; None without one.
        keeper: Gives contexts their checkpoints.
        survival: Keeps contexts on disk; None if nothing is kept there.
    """

    def __init__(
        self,
        settings: ContextSettings,
        workers: WorkerSettings,
        launcher: Launcher,
        isolator: Isolator | None = None,
        state: StateSettings | None = None,
    ) -> None:
        """Use ``launcher`` for every worker that ``isolator`` does not start; both stay the caller's."""
        self.state = state or StateSettings()
        self.archives: KeptArchives | None = None
        self._settings = settings
        self._workers = workers
        self.launcher = launcher
        self.isolator = isolator or Unisolated(launcher)
        self.survival: Survival | None = None
        self._contexts: dict[str, Context] = {}
        self.peers = Peers(self._contexts.values)
        self.executions = register_of(settings)
        self._tasks = asyncio.TaskGroup()
        self.keeper = Keeper(self.state, self._tasks)
        self.watcher = Watcher(self._tasks, launcher.sweep)
        self._meter = UsageMeter(self._tasks, lambda: filter(None, self._workers_now().values()), self.keeper.copies)
        self.sampler = Sampler(self._tasks, self._workers_now, settings.stats_interval_s, self.keeper.copies)
        self._directory = real_directory(settings.cwd)
        self.tenancies = Tenancies(settings, self._contexts, self.sampler, self.isolator.usual)
        self.maker = Maker(settings, workers, self.executions, self.watcher, self._tasks, self.tenancies, self.keeper)
        self.intake = Intake(lambda: (it.info() for it in self._contexts.values()))

    async def __aenter__(self) -> Self:
        """Be ready for work, with the persistent contexts of former daemons."""
        await self._tasks.__aenter__()
        if self.survival is not None:
            await self.survival.recover(self, self._tasks)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everything."""
        await self.close()
        await self._tasks.__aexit__(kind, error, traceback)

    async def python(self) -> Python:
        """Return the workers' interpreter. Raises ``WorkerStartFailed`` if there is no usable one."""
        return await self.launcher.describe_python()

    async def create(self, request: CreateContext, begin: Callable[[Context], object] | None = None) -> ContextInfo:
        """Return a new context with a worker that is ready; ``begin`` is called with it before it has a worker.

        Raises:
            InvalidRequest, LimitReached, WorkerStartFailed, ServerShuttingDown: There is then no new context.
        """
        HAPPENINGS.check()
        began = time.monotonic()
        check_preload(request, self._workers.preload)
        if request.persistent and self.survival is None:
            raise NoStateDirectory
        cwd = check_directory(self.tenancies.directory(request))
        isolation = self.tenancies.isolation(request)
        await self.isolator.prepare(isolation)
        context = self._add(new_id(), cwd, request, isolation)
        if begin is not None:
            begin(context)
        try:
            await context.place.enter()
            await context.start()
            if self.survival is not None:
                await self.survival.record(context)
        except BaseException as error:
            self.abandon(context)
            if isinstance(error, WorkerStartFailed):
                raise type(error)(f"failed to start context: {error}") from error
            raise
        context.transcript.tally.created(time.monotonic() - began)
        return context.info()

    def abandon(self, context: Context) -> None:
        """End a context whose making has failed. Its client may have disconnected meanwhile: nothing waits for it."""
        self._remove(context)
        if not self.intake.closing:  # otherwise it has been closed
            supervised(self._tasks, self._end(context), _log, "context %s could not be ended", context.id)

    def get(self, context_id: str | None) -> Context:
        """Return a context; for None the default context, made by its first use.

        Raises:
            ContextNotFound, ServerShuttingDown
        """
        self.intake.check_living()
        name = context_id or DEFAULT_CONTEXT_ID
        if (context := self._contexts.get(name)) is not None:
            return context
        self.check_here(name)
        if (request := self.tenancies.defaults.get(name)) is None:
            raise ContextNotFound(name)
        return self._add(name, self.tenancies.directory(request), request, self.tenancies.isolation(request))

    async def prepare(self, context_id: str | None) -> None:
        """Be ready to make a context at its first use. Raises ``IsolationUnavailable``."""
        if (request := self.tenancies.defaults.get(context_id or DEFAULT_CONTEXT_ID)) is not None:
            await self.isolator.prepare(self.tenancies.isolation(request))

    def submit(
        self, request: Execute, *, client: bool = True, answers: bool = False, context_id: str | None = None
    ) -> tuple[Context, ExecutionRecord]:
        """Queue ``request`` as ``Context.submit`` does; return its context, too. A refused request makes no context.

        ``context_id`` is used in place of the request's.

        Raises:
            ContextNotFound, InvalidRequest, LimitReached, ServerShuttingDown
        """
        self.intake.check()
        HAPPENINGS.check()
        name = context_id or request.context_id or DEFAULT_CONTEXT_ID
        is_there = name in self._contexts
        context = self.get(name)
        try:
            self.tenancies.quotas.check_execution(context.account)
            execution = context.submit(request, client=client, answers=answers)
        except InterpreterError:
            if not is_there:
                self._remove(context)
            raise
        if not is_there:
            context.transcript.tally.created()
            if self.survival is not None:
                self.survival.record_soon(context)
        return context, execution

    async def usage(self) -> Mapping[int, Usage]:
        """Return the usage of each context's worker and its descendants now, by the worker's pid."""
        return await self._meter.take()

    def _workers_now(self) -> Mapping[str, int | None]:
        return {context.id: context.pid for context in self._contexts.values()}

    async def directory(self, context_id: str) -> tuple[str, int | None]:
        """Return the directory of a context, without symbolic links, and its user; None is the daemon's.

        It knows the default context before its first use; if that is to have a user, it exists from now on.

        Raises:
            ContextNotFound, ServerShuttingDown, InvalidWorkingDirectory, WorkerStartFailed
        """
        self.intake.check_living()
        defaults = self.tenancies.defaults
        if context_id in defaults and context_id not in self._contexts and not self.isolator.gives_users:
            own = self.tenancies.directory(defaults[context_id])
            return self._directory if own == self._settings.cwd else real_directory(own), None
        context = self.get(context_id)
        await context.place.enter()
        return context.directory, context.place.user

    async def delete(self, context_id: str) -> None:
        """End a context and every process that it started.

        Raises:
            ContextNotFound, DefaultContextKept
        """
        if context_id in self.tenancies.defaults:
            raise DefaultContextKept
        context = self.existing(context_id)
        self._remove(context)
        await self._end(context)

    def _expire(self, context: Context, why: str) -> None:
        if self._remove(context):
            ending = self._end(context, expired(context.id, context.transcript, why))
            supervised(self._tasks, ending, _log, "context %s could not be ended", context.id)

    async def _end(self, context: Context, cause: ContextDeleted | None = None) -> None:
        """End a context that is no longer registered; its executions are kept as those of a deleted context."""
        try:
            if self.survival is not None:
                await self.survival.forget(context)
        finally:
            await self._close(context, cause)

    async def release(self, context: Context) -> bool:
        """End a context that another daemon offers from now on; return False if it has ended already."""
        if is_known := self._remove(context):
            await self._close(context, ServerShuttingDown())
        return is_known

    async def _close(self, context: Context, cause: InterpreterError | None) -> None:
        try:
            await context.close(cause or ContextDeleted(context.id))
        finally:
            context.account.gone_cpu_s += self.sampler.cpu_of(context.id)
            self.sampler.forget(context.id)
            self.executions.context_deleted(context.id)

    async def close(self) -> None:
        """Take no more work, end every execution and all workers. Repeating it changes nothing."""
        self.intake.closing = True
        self.sampler.close()
        await self.rest(REST_S)
        contexts = list(self._contexts.values())
        self._contexts.clear()
        await asyncio.gather(*(context.close(ServerShuttingDown()) for context in contexts))
        if self.survival is not None:
            await self.survival.close(contexts)

    def _add(self, context_id: str, cwd: str, request: CreateContext, isolation: Isolation) -> Context:
        return self.add(context_id, cwd, request, lambda: self.isolator.isolate(isolation, real_directory(cwd)))

    def _remove(self, context: Context) -> bool:
        """Forget a context; return whether it was known."""
        if is_known := self._contexts.get(context.id) is context:
            del self._contexts[context.id]
            context.account.contexts -= 1
        return is_known
