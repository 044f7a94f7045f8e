"""The process around the application: event loop, sockets, signals, readiness, shutdown."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import sys
import threading
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final, cast

import uvloop
from aiohttp import web

from interpreterd.announcing import announce
from interpreterd.app import MANAGER, make_app
from interpreterd.contexts.limits import configured, limits_of
from interpreterd.contexts.local import LocalContexts
from interpreterd.draining import Ending
from interpreterd.http.connections import Connections, Runner
from interpreterd.http.keys import BOUND, METRICS, RELOADS
from interpreterd.inherited import Inherited
from interpreterd.life import Life
from interpreterd.listening import CannotListen, Listeners
from interpreterd.logs.event_log import EventLog
from interpreterd.logs.handler import flush, set_up_logging
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.monitoring.records import AuditLogUnusable, written_down
from interpreterd.processes.guard import Guard
from interpreterd.processes.nursery import Nursery
from interpreterd.setting_kinds import SettingError
from interpreterd.settings import Settings
from interpreterd.supervisor import Supervisor
from interpreterd.unused import wait_until_unused
from interpreterd.workers.isolation.apart import ApartDirectory, kept_apart
from interpreterd.workers.isolation.isolator import Isolator
from interpreterd.workers.launchers import LAUNCHERS, effective_launcher
from interpreterd.workers.launchers.pool import Pool

if TYPE_CHECKING:
    from interpreterd.processes.cgroups import Cgroups
    from interpreterd.tenants.tokens import Token

SHUTDOWN_TIMEOUT_S: Final = 1.0  # for clients to take their last message, after all executions have ended
SWITCH_S: Final = 0.001  # for which the event loop waits in each turn while a thread decodes or reads /proc
# Rarer, except for new objects, in 2 ms: contexts and workers leave no cycles behind.
GC_THRESHOLDS: Final = (5_000, 80, 50)
SHUTDOWN_LIMIT_S: Final = 9.0  # a second less than supervisors wait before they kill
_log = logging.getLogger(__name__)


def run_daemon(
    settings: Settings,
    guard: Guard,
    parent: int | None,
    inherited: Inherited,
    *,
    notes: Iterable[str] = (),
    token: "Token | None" = None,
) -> int:
    """Run the daemon until a signal, or the end of the process of the pidfd ``parent``; return its exit status.

    ``notes`` on the settings are logged as warnings.
    """
    event_log = set_up_logging(settings.logs)
    for note in notes:
        _log.warning("%s", note)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _log.debug("open files: limit raised from %d to %d", soft, hard)
    # The objects that exist now stay; a collection that walks through them would hold the event loop for milliseconds.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(_serve(settings, guard, parent, inherited, token, event_log))
    guard.close()
    return status


async def _serve(
    settings: Settings,
    guard: Guard,
    parent: int | None,
    inherited: Inherited,
    token: "Token | None",
    event_log: EventLog | None,
) -> int:
    ending = Ending()
    ending.watch([pidfd for pidfd in (guard.loader, parent) if pidfd is not None])
    nursery = Nursery(guard=guard, adopts=True)
    supervisor = Supervisor(inherited.supervisor, inherited.watchdog_s)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(nursery.sweep)  # a worker whose start was cut short belongs to no context yet
        try:
            cgroups = _start_cgroups(settings.contexts.context_cgroups, guard, stack)  # before any worker
            app, isolator, stock = await _start_app(settings, nursery, token, event_log, inherited, stack)
            app[MANAGER].watcher.cgroups = cgroups
            isolator.more_layers = () if cgroups is None else ("cgroup",)
            runner = Runner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            connections = cast("Connections", runner.server)
            listening = stack.enter_context(Listeners(settings.http, connections, app[BOUND]))
            if settings.http.tls_cert:
                app[RELOADS].append(listening.reload)
            await listening.open(inherited.sockets)
            isolator.own_ports = listening.ports
        except (AuditLogUnusable, CannotListen, SettingError, WorkerStartFailed) as error:
            print(f"interpreterd: {error}", file=sys.stderr)
            return 1
        life = Life(
            settings.process,
            app,
            connections,
            listening,
            nursery,
            supervisor,
            ending,
            inherited,
            parent,
            _handed(token),
        )
        await stack.enter_async_context(life)  # signals are received before it is told who receives them
        _tell(listening)
        if settings.process.exit_unused_s is not None:
            await stack.enter_async_context(_ending_unused(app, connections, ending, settings.process.exit_unused_s))
        stock.fill()  # now: a program that waits for the first line does not wait for a worker
        await life.lived()
        _log.info("shutting down")
        _end_at_the_latest()
    return 0


async def _start_app(
    settings: Settings,
    nursery: Nursery,
    token: "Token | None",
    event_log: EventLog | None,
    inherited: Inherited,
    stack: contextlib.AsyncExitStack,
) -> tuple[web.Application, Isolator, Pool | Isolator]:
    """Return the application, the isolator, and what is to be filled with workers; they end with ``stack``.

    Raises:
        AuditLogUnusable, SettingError, WorkerStartFailed
    """
    workers = settings.workers
    pool = await stack.enter_async_context(
        Pool(
            await stack.enter_async_context(LAUNCHERS[effective_launcher(workers)].run(workers, nursery)),
            workers.pool_size,
            usual=configured(settings.contexts.cwd, limits_of(settings.contexts)),
            start_timeout_s=workers.start_timeout_s,
        )
    )
    isolator = await stack.enter_async_context(Isolator.run(settings.isolation, workers, nursery, pool))
    if isolator.usual.is_on:
        await isolator.prepare(isolator.usual)
    app = make_app(settings=settings, launcher=pool, isolator=isolator, token=token)
    app[MANAGER].peers.follow(inherited.isolating)
    takes_over = inherited.successor is not None
    if settings.state.state_dir is not None:
        from interpreterd.contexts.state.archives import kept_archives  # others do not need it

        kept = kept_archives(settings.state, app[MANAGER].tenancies, takes_over=takes_over)
        app[MANAGER].archives = archives = await stack.enter_async_context(kept)
        from interpreterd.contexts.state.rests import kept_contexts

        app[MANAGER].survival = kept_contexts(settings.state, archives, app[MANAGER].python)
        stack.enter_context(kept_apart(await asyncio.to_thread(ApartDirectory.at, settings.state.state_dir)))
    records = written_down(settings.monitoring, event_log, app[RELOADS], takes_over=takes_over)
    await stack.enter_async_context(records)
    if any(name.startswith("OTEL_") for name in os.environ):
        from interpreterd.monitoring.otel import observed  # others do not need it

        await stack.enter_async_context(observed(app[METRICS], LocalContexts(app[MANAGER]).readings))
    return app, isolator, isolator if isolator.usual.is_on else pool


def _start_cgroups(setting: str, guard: Guard, stack: contextlib.AsyncExitStack) -> "Cgroups | None":
    """Return the cgroups in which workers are; they go with ``stack``. Raises ``SettingError``."""
    if setting == "off":
        return None
    from interpreterd.processes.cgroups import CgroupError
    from interpreterd.workers.cgrouped import cgroups_for

    try:
        return stack.enter_context(cgroups_for(setting, guard))
    except CgroupError as error:
        raise SettingError("context_cgroups", f"no cgroups for contexts: {error}") from error


def _handed(token: "Token | None") -> bytes:
    if token is None:
        return b""
    from interpreterd.tenants.tokens import hand_over

    return hand_over(token)


def _tell(listening: Listeners) -> None:
    """Say in the log and on stdout that the daemon accepts connections, and where."""
    first, *others = listening.all_in_words()
    _log.info("listening on %s", first)
    for other in others:
        _log.info("listening on %s, too", other)
    announce(*listening.url)


@contextlib.asynccontextmanager
async def _ending_unused(
    app: web.Application, connections: Connections, ending: Ending, after_s: float
) -> AsyncIterator[None]:
    """End the daemon, within the block, when it has not been used for ``after_s``."""
    manager = app[MANAGER]

    def is_busy() -> bool:
        return any(it.info().state in ("busy", "starting") for it in manager.list(with_default=True))

    async def end() -> None:
        await wait_until_unused(lambda: connections.unused_since, is_busy, after_s)
        _log.info("unused for %g s", after_s)
        ending.end(hurried=True)

    task = asyncio.create_task(end())
    try:
        yield
    finally:
        task.cancel()


def _end_at_the_latest() -> None:
    """End the process if its shutdown takes too long, whatever it waits for; the guard then kills the workers."""

    def end() -> None:
        _log.error("shutting down has taken longer than %g s: ending at once", SHUTDOWN_LIMIT_S)
        flush()
        os._exit(1)

    timer = threading.Timer(SHUTDOWN_LIMIT_S, end)  # not a timer of the loop, because the loop may be stuck
    timer.daemon = True
    with contextlib.suppress(RuntimeError):  # no room for a thread: the shutdown is as good without it
        timer.start()
