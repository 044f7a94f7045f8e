"""Makes contexts of what the daemon has for all of them."""

import asyncio

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import Executions
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.state.keeper import Keeper
from interpreterd.contexts.tenancies import Tenancies
from interpreterd.model.accounts import Account
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext
from interpreterd.workers.isolation.jails import Place
from interpreterd.workers.settings import WorkerSettings
from interpreterd.workers.watcher import Watcher


class Maker:
    """Makes contexts, of which none is registered yet."""

    def __init__(
        self,
        settings: ContextSettings,
        workers: WorkerSettings,
        executions: Executions,
        watcher: Watcher,
        tasks: asyncio.TaskGroup,
        tenancies: Tenancies,
        keeper: Keeper,
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._executions = executions
        self._watcher = watcher
        self._tasks = tasks
        self._tenancies = tenancies
        self._keeper = keeper

    def make(
        self,
        context_id: str,
        cwd: str,
        request: CreateContext,
        limits: Limits,
        account: Account,
        place: Place,
        origin: Origin | None = None,
        directory: str | None = None,
    ) -> Context:
        """Return a context without a worker. ``directory`` is ``cwd`` without links, if that is known."""
        return Context(
            context_id,
            cwd,
            request=request,
            settings=self._settings,
            start_timeout_s=self._workers.start_timeout_s,
            executions=self._executions,
            limits=limits,
            watcher=self._watcher,
            tasks=self._tasks,
            account=account,
            place=place,
            origin=origin,
            directory=directory,
            shares=self._tenancies.shares,
            keeper=self._keeper,
        )
