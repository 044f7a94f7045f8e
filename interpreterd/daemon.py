"""The process around the application: event loop, sockets, signals, readiness, shutdown."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final, cast

import orjson
import uvloop
from aiohttp import web

from interpreterd import unix
from interpreterd.app import MANAGER, make_app
from interpreterd.contexts.limits import configured, limits_of
from interpreterd.http.connections import Connections, Runner
from interpreterd.http.keys import RELOADS
from interpreterd.http.settings import UNIX, HttpSettings, split_address
from interpreterd.logs.event_log import EventLog
from interpreterd.logs.handler import flush, set_up_logging
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.monitoring.records import AuditLogUnusable, written_down
from interpreterd.processes.guard import Guard
from interpreterd.processes.nursery import Nursery
from interpreterd.reloading import reload_at_hangup
from interpreterd.settings import Settings
from interpreterd.unused import wait_until_unused
from interpreterd.workers.isolation.isolator import Isolator
from interpreterd.workers.launchers import LAUNCHERS, effective_launcher
from interpreterd.workers.launchers.pool import Pool

if TYPE_CHECKING:
    from interpreterd.tenants.tokens import Token

SHUTDOWN_TIMEOUT_S: Final = 1.0  # for clients to take their last message, after all executions have ended
SWITCH_S: Final = 0.001  # for which the event loop waits in each turn while a thread decodes or reads /proc
# Rarer, except for new objects, in 2 ms: contexts and workers leave no cycles behind.
GC_THRESHOLDS: Final = (5_000, 80, 50)
SHUTDOWN_LIMIT_S: Final = 9.0  # a second less than supervisors wait before they kill
STDOUT_FD: Final = 1
_log = logging.getLogger(__name__)


def run_daemon(
    settings: Settings,
    guard: Guard,
    parent: int | None = None,
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
        status = runner.run(_serve(settings, guard, parent, token, event_log))
    guard.close()
    return status


async def _serve(
    settings: Settings, guard: Guard, parent: int | None, token: "Token | None", event_log: EventLog | None
) -> int:
    stop = _watch_for_the_end([pidfd for pidfd in (guard.loader, parent) if pidfd is not None])
    nursery = Nursery(guard=guard, adopts=True)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(nursery.sweep)  # a worker whose start was cut short belongs to no context yet
        workers = settings.workers
        launcher = LAUNCHERS[effective_launcher(workers)]
        pool = await stack.enter_async_context(
            Pool(
                await stack.enter_async_context(launcher.run(workers, nursery)),
                workers.pool_size,
                usual=configured(settings.contexts.cwd, limits_of(settings.contexts)),
                start_timeout_s=workers.start_timeout_s,
            )
        )
        isolator = await stack.enter_async_context(Isolator.run(settings.isolation, workers, nursery, pool))
        if isolator.usual.is_on:
            try:
                await isolator.prepare(isolator.usual)
            except WorkerStartFailed as error:
                print(f"interpreterd: {error}", file=sys.stderr)
                return 1
        app = make_app(settings=settings, launcher=pool, isolator=isolator, token=token)
        try:
            await stack.enter_async_context(written_down(settings.monitoring, event_log, app[RELOADS]))
        except AuditLogUnusable as error:
            print(f"interpreterd: {error}", file=sys.stderr)
            return 1
        runner = Runner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        reload_at_hangup(runner.app[RELOADS])
        try:
            if settings.http.unix_socket:
                await _listen_on_path(runner, settings.http.unix_socket, stack)
            else:
                await web.TCPSite(runner, settings.http.host, settings.http.port, backlog=unix.BACKLOG).start()
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that the domain name system cannot hold
            print(f"interpreterd: {_explain(error, settings.http)}", file=sys.stderr)
            return 1
        for address in settings.http.also_listen:
            try:
                await _listen_too(runner, address, stack)
            except (OSError, UnicodeError) as error:
                print(f"interpreterd: cannot listen on {address} as well: {_reason(error)}", file=sys.stderr)
                return 1
        isolator.own_ports = frozenset(it[1] for it in runner.addresses if isinstance(it, tuple))
        _announce(settings.http, runner)
        if settings.process.exit_unused_s is not None:
            await stack.enter_async_context(_ending_unused(runner, stop, settings.process.exit_unused_s))
        (
            isolator if isolator.usual.is_on else pool
        ).fill()  # now: a program that waits for the first line does not wait for a worker
        await stop.wait()
        _log.info("shutting down")
        _end_at_the_latest()
    return 0


@contextlib.asynccontextmanager
async def _ending_unused(runner: Runner, stop: asyncio.Event, after_s: float) -> AsyncIterator[None]:
    """Set ``stop``, within the block, when the daemon has not been used for ``after_s``."""
    connections, manager = cast("Connections", runner.server), runner.app[MANAGER]

    def is_busy() -> bool:
        return any(it.info().state in ("busy", "starting") for it in manager.list(with_default=True))

    async def end() -> None:
        await wait_until_unused(lambda: connections.unused_since, is_busy, after_s)
        _log.info("unused for %g s", after_s)
        stop.set()

    task = asyncio.create_task(end())
    try:
        yield
    finally:
        task.cancel()


async def _listen_on_path(runner: web.AppRunner, path: str, stack: contextlib.AsyncExitStack) -> None:
    sock = stack.enter_context(unix.bound(path))
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_unix_server(runner.server, sock=sock, backlog=unix.BACKLOG)
    stack.callback(server.close)


async def _listen_too(runner: web.AppRunner, address: str, stack: contextlib.AsyncExitStack) -> None:
    if address.startswith(UNIX):
        await _listen_on_path(runner, address.removeprefix(UNIX), stack)
    else:
        host, port = split_address(address)
        await web.TCPSite(runner, host, port, backlog=unix.BACKLOG).start()


def _watch_for_the_end(pidfds: Iterable[int]) -> asyncio.Event:
    """Return an event that a signal sets, or the end of a process of ``pidfds``; a second signal ends all at once.

    In the single binary, one of the processes is its loader: a program that started the loader, and kills it, means the
    daemon.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            # The guard kills the workers.
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    for pidfd in pidfds:

        def on_end(pidfd: int = pidfd) -> None:
            loop.remove_reader(pidfd)
            stop.set()

        loop.add_reader(pidfd, on_end)
    return stop


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


def _explain(error: OSError | UnicodeError, settings: HttpSettings) -> str:
    if settings.unix_socket:
        return f"cannot listen on {settings.unix_socket}: {_reason(error)}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {settings.port} on {settings.host} is in use; --port 0 picks a free one"
    return f"cannot listen on {settings.host} port {settings.port}: {_reason(error)}"


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "it is in use"
    return str((error.strerror if isinstance(error, OSError) else None) or error)


def _announce(settings: HttpSettings, runner: web.AppRunner) -> None:
    """Print for the starter of the daemon that it accepts connections, and where."""
    if settings.unix_socket:
        url, port = f"unix:{settings.unix_socket}", None
        _log.info("listening on %s", settings.unix_socket)
    else:
        port = runner.addresses[0][1]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.host, settings.host)
        url = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
        _log.info("listening on %s port %d", settings.host, port)
    for address in settings.also_listen:
        _log.info("listening on %s, too", address)
    _say(orjson.dumps({"url": url, "port": port, "pid": os.getpid()}) + b"\n")


def _say(line: bytes) -> None:
    """Write ``line`` to stdout, without waiting for a reader. A problem with stdout is logged."""
    room = select.poll()
    room.register(STDOUT_FD, select.POLLOUT)
    if room.poll(0):
        _write(line)
    else:
        threading.Thread(target=_write, args=[line], daemon=True).start()


def _write(line: bytes) -> None:
    room = select.poll()
    room.register(STDOUT_FD, select.POLLOUT)
    try:
        while line:
            room.poll()
            # Another process has made it non-blocking, and the room was taken meanwhile.
            with contextlib.suppress(BlockingIOError):
                line = line[os.write(STDOUT_FD, line) :]
    except OSError as error:
        _log.warning("the line with url and port cannot be written to stdout: %s", error.strerror)
