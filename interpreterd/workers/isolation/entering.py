"""A launcher for one context, whose place has to be made ready before its first worker starts."""

from collections.abc import Awaitable, Callable, Mapping

from interpreterd.model.environment import NO_ENVS
from interpreterd.model.errors import InterpreterError, WorkerStartFailed
from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.model.python import Python
from interpreterd.workers.launcher import Launcher
from interpreterd.workers.worker import Worker


class EnteringLauncher:
    """See ``Launcher``: calls ``enter`` before each start, and starts workers as another launcher does."""

    def __init__(self, launcher: Launcher, enter: Callable[[], Awaitable[None]]) -> None:
        """``launcher`` stays the caller's."""
        self._launcher = launcher
        self._enter = enter

    async def launch(self, envs: Mapping[str, str] = NO_ENVS) -> Worker:
        """See ``Launcher``."""
        try:
            await self._enter()
        except WorkerStartFailed:
            raise
        except InterpreterError as error:  # of the default context, which nobody has asked to make
            raise IsolationUnavailable(str(error)) from error
        return await self._launcher.launch(envs)

    async def describe_python(self) -> Python:
        """See ``Launcher``."""
        return await self._launcher.describe_python()

    async def examine(self, program: bytes) -> bytes:
        """See ``Launcher``."""
        return await self._launcher.examine(program)

    async def sweep(self, worker: int | None = None) -> None:
        """See ``Launcher``."""
        await self._launcher.sweep(worker)
