"""The process around the application: event loop, sockets, signals, readiness, the way out."""

import asyncio
import errno
import logging
import os
import resource
import signal
import sys
from typing import Final

import orjson
import uvloop
from aiohttp import web

from interpreterd.app import make_app
from interpreterd.guard import Guard
from interpreterd.launcher import SpawnLauncher
from interpreterd.logs import set_up_logging
from interpreterd.nursery import Nursery
from interpreterd.settings import Settings

SHUTDOWN_TIMEOUT_S: Final = 1.0  # for clients to take their last message, after all executions have ended
BACKLOG: Final = 1024
_log = logging.getLogger(__name__)


def serve(settings: Settings, guard: Guard) -> int:
    """Run the daemon until it is told to end; return its exit status."""
    set_up_logging(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _log.debug("open files: limit raised from %d to %d", soft, hard)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(_serve(settings, guard))
    guard.close()
    return status


async def _serve(settings: Settings, guard: Guard) -> int:
    stop = _watch_for_the_end(settings)
    nursery = Nursery(guard=guard, adopts=True)
    launcher = SpawnLauncher(python=settings.python, nursery=nursery, start_timeout_s=settings.start_timeout_s)
    runner = web.AppRunner(
        make_app(settings=settings, launcher=launcher), access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            print(f"interpreterd: {_explain(error, settings)}", file=sys.stderr)
            return 1
        port = runner.addresses[0][1]
        _announce(settings.host, port)
        _log.info("listening on %s port %d", settings.host, port)
        await stop.wait()
        _log.info("shutting down")
        return 0
    finally:
        await runner.cleanup()
        await launcher.close()


def _watch_for_the_end(settings: Settings) -> asyncio.Event:
    """Return an event that a signal sets, or the end of the parent; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            # The guard kills the workers.
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    if settings.exit_with_parent:
        for parent in _parents():
            pidfd = os.pidfd_open(parent)

            def on_end(pidfd: int = pidfd) -> None:
                loop.remove_reader(pidfd)
                os.close(pidfd)
                stop.set()

            loop.add_reader(pidfd, on_end)
    return stop


def _parents() -> list[int]:
    """Return the process that started the daemon; in the single binary also its loader, which stands between."""
    parents = [os.getppid()]
    if getattr(sys, "frozen", False):
        with open(f"/proc/{parents[0]}/stat", "rb") as file:
            parents.append(int(file.read().rpartition(b")")[2].split()[1]))
    return [pid for pid in parents if pid > 0]


def _explain(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} on {settings.host} is in use; --port 0 picks a free one"
    return f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}"


def _announce(host: str, port: int) -> None:
    """Tell whoever started the daemon that it accepts connections, and where."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    name = f"[{reachable}]" if ":" in reachable else reachable
    line = orjson.dumps({"url": f"http://{name}:{port}", "port": port, "pid": os.getpid()})
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
