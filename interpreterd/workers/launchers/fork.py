"""A launcher that forks workers from a template, which has imported their modules: it takes a millisecond."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

from interpreterd.background import supervised
from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.python import Python
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.endings import start_failure
from interpreterd.workers.launcher import Launcher
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.template import Template, TemplateEnded
from interpreterd.workers.worker import Worker

TEMPLATES_LIMIT: Final = 5  # started within ``TEMPLATES_WITHIN_S``
TEMPLATES_WITHIN_S: Final = 60.0
TENDING_LIMIT_S: Final = 2.0
GONE_LIMIT_S: Final = 1.0  # a killed template takes a millisecond
NO_TEMPLATE: Final = "no template, workers are spawned"
sleep_until_its_turn = asyncio.sleep  # a function of its own for tests
_log = logging.getLogger(__name__)


class Spawner(Launcher, Protocol):
    """A launcher that can start a template as well."""

    async def start(self, *arguments: str) -> ProcessWorker:
        """Start the worker's script with further ``arguments``; see ``worker/boot.py``. Raises as ``launch``."""
        ...


class ForkLauncher:
    """Asks a template for each worker; without a template, starts workers as another launcher does.

    The first use starts the template, and waits for it. After its end a new one is started in the background, at most
    ``TEMPLATES_LIMIT`` within ``TEMPLATES_WITHIN_S``. If the template cannot import its modules, that is logged, and
    workers are spawned from then on: they import their modules themselves.
    """

    def __init__(self, spawner: Spawner, *, modules: tuple[str, ...], nursery: Nursery, start_timeout_s: float) -> None:
        """Let the template import ``modules``. ``spawner`` starts the template, and stays the caller's."""
        self._spawner = spawner
        self._modules = modules
        self._nursery = nursery
        self._start_timeout_s = start_timeout_s
        self._template: Template | None = None
        self._tending: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._starts: deque[float] = deque(maxlen=TEMPLATES_LIMIT)

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """See ``Launcher``. The template has started long ago, so a worker with ``envs`` is spawned."""
        if envs:
            return await self._spawner.launch(envs)
        if self._tending is None:
            self._tending = supervised(asyncio.get_running_loop(), self._tend(), _log, NO_TEMPLATE)
        await self._tried.wait()
        if self._template is None:
            return await self._spawner.launch()
        try:
            worker = await self._template.fork()
        except TemplateEnded:
            return await self._spawner.launch()
        except OSError as error:
            raise start_failure(error, "the template") from error
        await worker.ready(self._start_timeout_s)
        return worker

    async def describe_python(self) -> Python:
        """See ``Launcher``."""
        return await self._spawner.describe_python()

    async def examine(self, program: bytes) -> bytes:
        """See ``Launcher``."""
        return await self._spawner.examine(program)

    async def sweep(self, worker: int | None = None) -> None:
        """See ``Launcher``."""
        await self._spawner.sweep(worker)

    async def close(self) -> None:
        """End the template; wait for that, but only a moment."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait([self._tending], timeout=TENDING_LIMIT_S)
        if self._template is not None:
            template, self._template = self._template, None
            template.kill()
            await self._wait_for(template)

    async def _tend(self) -> None:
        """Start a template, and another one when it has ended."""
        while True:
            await self._wait_for_its_turn()
            try:
                self._template = Template(await self._spawner.start(",".join(self._modules)), self._nursery)
            except WorkerStartFailed as error:
                _log.error("%s: %s", NO_TEMPLATE, error)
                if error.refused:
                    return
                continue
            finally:
                self._tried.set()
            template = self._template
            how = await template.end()
            self._template = None
            _log.error("the template has ended, workers are spawned until there is a new one: %s", how)
            await self._sweep_after(template)

    async def _wait_for_its_turn(self) -> None:
        loop = asyncio.get_running_loop()
        if len(self._starts) == TEMPLATES_LIMIT and self._starts[0] + TEMPLATES_WITHIN_S > loop.time():
            wait_s = self._starts[0] + TEMPLATES_WITHIN_S - loop.time()
            _log.error("the template ends again and again, workers are spawned for the next %.0f s", wait_s)
            await sleep_until_its_turn(wait_s)
        self._starts.append(loop.time())

    async def _sweep_after(self, template: Template) -> None:
        """Kill workers that the template forked but could not report: now they are the daemon's unknown children."""
        await self._wait_for(template)
        await self._nursery.sweep()

    async def _wait_for(self, template: Template) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GONE_LIMIT_S):
                await template.gone()
