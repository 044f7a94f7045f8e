"""Started, unused workers that wait for contexts. The pool is itself a launcher."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from interpreterd.background import supervised
from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import InvalidWorkingDirectory, WorkerStartFailed
from interpreterd.model.python import Python
from interpreterd.monitoring.counts import COUNTS, count_pool
from interpreterd.pipe.messages import Configure
from interpreterd.processes.families import state
from interpreterd.workers.directory import check_directory
from interpreterd.workers.launcher import Launcher, launch_configured
from interpreterd.workers.worker import Deaf, Worker

REFILL_AFTER_S: Final = 0.03
CLOSE_LIMIT_S: Final = 3.0
NO_WORKER: Final = "the pool could not start a worker"
STOPPED: Final = ("T", "t")  # proc(5)
_log = logging.getLogger(__name__)


class Pool:
    """Keeps up to ``size`` waiting workers of another launcher. An async context manager: none is left at its end.

    A worker leaves the pool once, to be used, and never comes back. The pool is refilled in the background, one worker
    at a time, so that starting them takes at most one processor from executions. After a failed start the pool waits
    for the next request of a worker, which gets the reason.
    """

    def __init__(
        self, launcher: Launcher, size: int, *, usual: Configure | None = None, start_timeout_s: float = 30.0
    ) -> None:
        """Fill from ``launcher``, which stays the caller's; ``size`` 0 keeps none.

        Waiting workers are already configured for most contexts: ``usual``.
        """
        self._launcher = launcher
        self._size = size
        self._usual = usual
        self._start_timeout_s = start_timeout_s
        self._waiting: deque[Worker] = deque()
        self._refilling: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        """Be ready; ``fill`` begins to fill."""
        COUNTS.pools.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill the waiting workers; wait for their end, and for a start that is cut short, a moment each."""
        self._closed = True
        COUNTS.pools.discard(self)
        if self._refilling is not None:
            self._refilling.cancel()
            await asyncio.wait([self._refilling], timeout=CLOSE_LIMIT_S)
        endings = []
        while self._waiting:
            worker = self._waiting.popleft()
            worker.listener = listener = _Ending()
            worker.kill()
            endings.append(listener.ended.wait())
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await asyncio.gather(*endings)
        except TimeoutError:
            _log.error("waiting workers that cannot be killed")

    @property
    def waiting(self) -> int:
        """How many workers wait."""
        return len(self._waiting)

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """Return a waiting worker, or a new one; see ``Launcher``."""
        worker = None if envs else self._take()
        count_pool(hit=worker is not None)
        if envs:
            return await self._launcher.launch(envs)
        worker = worker or await self._launcher.launch()
        self.fill()
        return worker

    def _take(self) -> Worker | None:
        """Return the worker that waits longest; kill one that was stopped, by SIGSTOP or a debugger, instead."""
        while self._waiting:
            worker = self._waiting.popleft()
            worker.listener = Deaf()
            if state(worker.pid) not in STOPPED:
                return worker
            _log.warning("waiting worker %d stands still", worker.pid)
            worker.kill()
        return None

    async def describe_python(self) -> Python:
        """See ``Launcher``."""
        return await self._launcher.describe_python()

    async def examine(self, program: bytes) -> bytes:
        """See ``Launcher``."""
        return await self._launcher.examine(program)

    async def sweep(self, worker: int | None = None) -> None:
        """See ``Launcher``."""
        await self._launcher.sweep(worker)

    def forget(self, worker: Worker) -> None:
        """Drop a worker that died, or broke the protocol, while it waited."""
        if worker in self._waiting:
            self._waiting.remove(worker)
            _log.warning("waiting worker %d ended: %s", worker.pid, worker.exited or worker.broken)

    def fill(self) -> None:
        """Start to fill the pool in the background. Repeating it changes nothing."""
        if not self._closed and self._refilling is None and len(self._waiting) < self._size:
            self._refilling = supervised(asyncio.get_running_loop(), self._start_workers(), _log, NO_WORKER)

    async def _start_workers(self) -> None:
        try:
            # Starting a process holds the event loop; the context that just got a worker has its first code to run.
            await asyncio.sleep(REFILL_AFTER_S)
            while len(self._waiting) < self._size:
                worker = await self._start_worker()
                worker.listener = _Waiting(self, worker)
                self._waiting.append(worker)
                if worker.exited is not None:
                    self.forget(worker)
        except WorkerStartFailed as error:
            _log.warning("%s: %s", NO_WORKER, error)
        finally:
            self._refilling = None

    async def _start_worker(self) -> Worker:
        try:
            if self._usual is not None:
                check_directory(self._usual.cwd)
                return await launch_configured(self._launcher, self._usual, self._start_timeout_s)
        except InvalidWorkingDirectory:  # other contexts have other directories
            pass
        return await self._launcher.launch()


class _Waiting(Deaf):
    """Listens to a worker of the pool: all that it may do is end."""

    def __init__(self, pool: Pool, worker: Worker) -> None:
        self._pool = pool
        self._worker = worker

    def on_broken(self, reason: str) -> None:
        self._pool.forget(self._worker)
        self._worker.kill()

    def on_exit(self, how: str) -> None:
        self._pool.forget(self._worker)


class _Ending(Deaf):
    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def on_exit(self, how: str) -> None:
        self.ended.set()
