"""Workers forked from a template that has imported their modules: a launcher that takes a millisecond."""

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque

from interpreterd.errors import OutOfResources, WorkerStartFailed
from interpreterd.family import kill_family
from interpreterd.launcher import Python, SpawnLauncher
from interpreterd.messages import Failed, Fork, Forked, FromWorker, Reaped
from interpreterd.nursery import Nursery, reap
from interpreterd.pipes import connection
from interpreterd.process import ProcessWorker, start_failure
from interpreterd.worker import Deaf, Worker

_log = logging.getLogger(__name__)


class _TemplateEnded(Exception):
    """There is no template any more that could answer."""


class ForkLauncher(Deaf):
    """Asks a template for each worker; while there is no template, starts workers as another launcher does.

    The template is started by the first use. If it cannot import its modules, or dies, that is logged, once, and
    workers are spawned from then on: they import what they need themselves. Also the listener of the template.
    """

    def __init__(
        self, spawner: SpawnLauncher, *, modules: tuple[str, ...], nursery: Nursery, start_timeout_s: float
    ) -> None:
        """Have the template import ``modules``. ``spawner`` starts the template, and stays the caller's."""
        self._spawner = spawner
        self._modules = modules
        self._nursery = nursery
        self._start_timeout_s = start_timeout_s
        self._template: ProcessWorker | None = None
        self._starting: asyncio.Task[ProcessWorker | None] | None = None
        self._asked: deque[asyncio.Future[int]] = deque()
        self._workers: dict[int, ProcessWorker] = {}
        self._adoptions: set[asyncio.Task[None]] = set()
        self._unclaimed: dict[int, int] = {}  # ended before anybody knew them: pid to status
        self._disowned: set[int] = set()  # nobody waits for their end

    async def launch(self) -> Worker:
        """See ``Launcher``."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_template())
        await asyncio.shield(self._starting)
        if self._template is None:
            return await self._spawner.launch()
        try:
            worker = await self._fork(self._template)
        except _TemplateEnded:
            return await self._spawner.launch()
        except TimeoutError:
            raise WorkerStartFailed(f"the template did not answer within {self._start_timeout_s:g} s") from None
        except OSError as error:
            raise start_failure(error, "the template") from error
        await worker.ready(self._start_timeout_s)
        return worker

    async def describe_python(self) -> Python:
        """See ``Launcher``."""
        return await self._spawner.describe_python()

    async def sweep(self) -> None:
        """See ``Launcher``."""
        await self._spawner.sweep()

    async def close(self) -> None:
        """End the template."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        for adoption in self._adoptions:
            adoption.cancel()
        if self._template is not None:
            template, self._template = self._template, None
            template.listener = Deaf()
            template.kill()

    async def _start_template(self) -> None:
        try:
            self._template = await self._spawner.start(",".join(self._modules))
        except WorkerStartFailed as error:
            _log.error("no template, workers are spawned: %s", error)
            return
        self._template.listener = self
        if self._template.exited is not None:
            self.on_exit(self._template.exited)

    async def _fork(self, template: ProcessWorker) -> ProcessWorker:
        with connection() as (ours, theirs):
            async with self._nursery.birth():
                if template.exited is not None:  # while this one waited for its turn
                    raise _TemplateEnded
                answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                try:
                    template.send_with_fds(Fork(), [theirs.channel.fileno(), theirs.stdout_fd, theirs.stderr_fd])
                except ConnectionError:
                    raise _TemplateEnded from None
                self._asked.append(answer)
                try:
                    async with asyncio.timeout(self._start_timeout_s):
                        pid = await asyncio.shield(answer)
                except BaseException:
                    answer.add_done_callback(self._disown)
                    raise
                worker = ProcessWorker(pid, ours, self._nursery)
                self._nursery.add(pid)
        self._workers[pid] = worker
        if pid in self._unclaimed:
            self._ended(pid, self._unclaimed.pop(pid))
        return worker

    # The template's listener

    def on_message(self, message: FromWorker) -> None:
        """``Forked`` and ``Reaped``."""
        match message:
            case Forked(pid=pid) if self._asked:
                self._answer(pid)
            case Failed(reason=reason) if self._asked:
                self._answer(OutOfResources(f"no room for one more worker: {reason}"))
            case Reaped(pid=pid, status=status):
                self._ended(pid, status)
            case _:
                _log.warning("unexpected message of the template: %s", type(message).__name__)

    def on_broken(self, reason: str) -> None:
        """End it: its workers live on."""
        if self._template is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._template.pid, signal.SIGKILL)

    def on_exit(self, how: str) -> None:
        """Spawn from now on; its workers are the daemon's own children now."""
        _log.error("the template has ended, workers are spawned from now on: %s", how)
        self._template = None
        for pid in self._workers:
            adoption = asyncio.create_task(self._adopt(pid))
            self._adoptions.add(adoption)
            adoption.add_done_callback(self._adoptions.discard)
        while self._asked:
            self._answer(_TemplateEnded())

    def _disown(self, answer: asyncio.Future[int]) -> None:
        """Kill the worker that came of a request for which nobody waits any more."""
        if answer.exception() is not None:
            return
        pid = answer.result()
        if self._unclaimed.pop(pid, None) is None:
            self._disowned.add(pid)
            kill_family(pid)

    def _answer(self, answer: int | WorkerStartFailed | _TemplateEnded) -> None:
        """Give the oldest request its pid, or the reason why it has none."""
        asked = self._asked.popleft()
        if isinstance(answer, int):
            asked.set_result(answer)
        else:
            asked.set_exception(answer)

    async def _adopt(self, pid: int) -> None:
        """Do what the template would have done for a worker of its: wait for its end."""
        status = await reap(pid)
        if (worker := self._workers.pop(pid, None)) is not None:
            worker.process_exited(status)

    def _ended(self, pid: int, status: int) -> None:
        worker = self._workers.pop(pid, None)
        if worker is not None:
            worker.process_exited(status)
        elif pid in self._disowned:
            self._disowned.remove(pid)
        else:
            self._unclaimed[pid] = status
