"""A daemon that accepts connections: its signals, what its supervisor hears of it, and how it comes to its end."""

import asyncio
import contextlib
import logging
import os
import signal
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from interpreterd.app import MANAGER
from interpreterd.background import supervised
from interpreterd.draining import Ending, drained
from interpreterd.http.connections import Connections
from interpreterd.http.keys import RELOADS
from interpreterd.http.readiness import READINESS
from interpreterd.inherited import ISOLATING_VARIABLE, Inherited
from interpreterd.listening import Listeners
from interpreterd.processes.nursery import Nursery
from interpreterd.reloading import Reloading
from interpreterd.settings import ProcessSettings
from interpreterd.supervisor import Supervisor
from interpreterd.upgrading import UpgradeFailed, start_successor

MOVE_S: Final = 1.0  # for clients of kept connections to come again, to the daemon that has the addresses now
END_S: Final = 15.0  # for the end itself, after the drain, as supervisors are told
NO_LIMIT_S: Final = 30 * 86400.0
_log = logging.getLogger(__name__)


class Life:
    """The time in which a daemon accepts connections: a block, at whose beginning it is ready."""

    def __init__(
        self,
        settings: ProcessSettings,
        app: web.Application,
        connections: Connections,
        listening: Listeners,
        nursery: Nursery,
        supervisor: Supervisor,
        ending: Ending,
        inherited: Inherited,
        parent: int | None,
        token: bytes,
    ) -> None:
        self._token = token
        self._reloading = Reloading(app[RELOADS])
        self._settings = settings
        self._app = app
        self._connections = connections
        self._listening = listening
        self._nursery = nursery
        self._supervisor = supervisor
        self._ending = ending
        self._inherited = inherited
        self._parent = parent if settings.exit_with_parent else None
        self._upgrade: asyncio.Task[None] | None = None
        self._is_replaced = False
        self._had_terminal = _has_terminal()

    async def __aenter__(self) -> Self:
        """Say to all who wait for it that the daemon is ready, and receive signals."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._begin_upgrade)
        self._app[READINESS].state = "ready"
        self._supervisor.ready(self._status())
        self._inherited.tell_predecessor()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Tell the supervisor no more."""
        self._supervisor.close()

    async def lived(self) -> None:
        """Return when the daemon is to end now: signals have said so, and the work that may end first has ended."""
        await self._ending.asked.wait()
        self._app[READINESS].state = "draining"
        within_s = self._settings.drain_timeout
        if within_s is None:
            within_s = NO_LIMIT_S if self._is_replaced else 0.0
        self._supervisor.stopping(within_s + END_S)
        if self._is_replaced:
            await self._move_clients()
        if within_s and not self._ending.hurried.is_set():
            intake = self._app[MANAGER].intake
            intake.draining = True
            moving, until = self._hand_over_contexts(), asyncio.get_running_loop().time() + within_s
            _log.info("draining: %s", f"for at most {within_s:g} s" if within_s < NO_LIMIT_S else "as long as it takes")
            await drained(lambda: intake.busy or not (moving is None or moving.done()), self._ending, within_s)
            if moving is not None:
                moving.cancel()
            await self._rest(until - asyncio.get_running_loop().time())

    def _hand_over_contexts(self) -> "asyncio.Task[None] | None":
        """Let the new daemon have the persistent contexts, each as soon as it is idle."""
        manager = self._app[MANAGER]
        if manager.survival is None or not self._is_replaced:
            return None
        leaving = manager.survival.leave_to_successor(manager)
        return supervised(asyncio.get_running_loop(), leaving, _log, "persistent contexts could not be handed over")

    async def _rest(self, within_s: float) -> None:
        """Archive persistent contexts, unless the end is hurried; what is left then has a moment more."""
        hurried = asyncio.ensure_future(self._ending.hurried.wait())
        resting = asyncio.ensure_future(self._app[MANAGER].rest(max(0.0, within_s)))
        await asyncio.wait((hurried, resting), return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        resting.cancel()

    def _status(self) -> str:
        return f"listening on {', '.join(self._listening.all_in_words())}"

    def _reload(self) -> None:
        if self._had_terminal and not _has_terminal():  # SIGHUP means what it says
            _log.info("the terminal has been closed")
            self._ending.end(hurried=True)
            return
        self._supervisor.reloading()
        self._reloading.begin(lambda: self._supervisor.ready(self._status()))

    def _begin_upgrade(self) -> None:
        if self._upgrade is not None or self._ending.asked.is_set():
            _log.info("no new daemon is started: one starts already, or this one ends")
            return
        failure = "no new daemon could be started: this one goes on"
        self._upgrade = supervised(asyncio.get_running_loop(), self._replace(), _log, failure)

    def _isolating(self) -> dict[str, str]:
        """Return what a new daemon is told of those that have isolated contexts: their code may not use it."""
        peers = self._app[MANAGER].peers
        pids = (*peers.predecessors, os.getpid()) if peers.watches else ()
        return {ISOLATING_VARIABLE: ",".join(map(str, pids))} if pids else {}

    async def _replace(self) -> None:
        self._supervisor.reloading()
        try:
            environ = {**self._inherited.environ, **self._isolating()}
            pid = await start_successor(self._listening, self._nursery, environ, self._parent, self._token)
        except UpgradeFailed as error:
            _log.error("no new daemon has started, this one goes on: %s", error)
            self._supervisor.ready(self._status())
            self._upgrade = None
            return
        _log.info("process %d accepts connections now; this daemon ends after its work", pid)
        self._supervisor.hand_over(pid)
        self._is_replaced = self._listening.handed_over = True
        self._connections.leaving = True
        self._listening.stop()
        self._ending.end()

    async def _move_clients(self) -> None:
        """Serve what has been sent to this daemon, and end each connection after its answer: clients come again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOVE_S):
                await self._ending.hurried.wait()
        self._connections.end_unused()


def _has_terminal() -> bool:
    """Return whether the process has a controlling terminal, and that is open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
