"""The launcher, as the rest of the daemon sees it: a protocol, and the workers' interpreter."""

import logging
from collections.abc import Mapping
from typing import Protocol

from interpreterd.model.environment import NO_ENVS, at_start
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.python import Python
from interpreterd.pipe.messages import Configure
from interpreterd.workers.directory import is_in
from interpreterd.workers.worker import Worker, configure

_log = logging.getLogger(__name__)


class Launcher(Protocol):
    """Starts workers."""

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """Return a worker that has never run user code, and that only the caller has.

        It has been started with ``envs`` in its environment; see ``at_start``.

        Raises:
            WorkerStartFailed: With the reason.
        """
        ...

    async def describe_python(self) -> "Python":
        """Return the workers' interpreter. Raises ``WorkerStartFailed`` if there is no usable one."""
        ...

    async def examine(self, program: bytes) -> bytes:
        """Return what ``program`` prints, run by the workers' interpreter with the environment of isolated contexts.

        Raises ``WorkerStartFailed``.
        """
        ...

    async def sweep(self, worker: int | None = None) -> None:
        """Kill processes that dead workers have left behind; wait a moment for the cleaners of ``worker``, a pid."""


async def launch_configured(launcher: Launcher, message: Configure, timeout_s: float) -> Worker:
    """Return a worker that is configured for a context.

    Raises:
        WorkerStartFailed: For every failure.
    """
    worker = None
    try:
        worker = await launcher.launch(at_start(message.envs, message.cwd))
        if worker.configured != message or not is_in(worker.pid, message.cwd):
            await configure(worker, message, timeout_s)
    except BaseException as error:
        if worker is not None:
            worker.kill()
        if isinstance(error, Exception) and not isinstance(error, WorkerStartFailed):
            _log.exception("a mistake in the daemon")
            raise WorkerStartFailed("internal error; the daemon's log says more") from error
        raise
    return worker
