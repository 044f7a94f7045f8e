"""Executions that go on by themselves: started or found by a program, which may leave them and come back."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from interpreterd.client.core import ClientCore
from interpreterd.client.following import FollowedExecution
from interpreterd.client.functions import HostFunctions
from interpreterd.client.options import StreamOptions
from interpreterd.client.portal import Portal
from interpreterd.client.results import Collector, Execution

LEAVE_LIMIT_S: Final = 5.0


class AsyncBackground:
    """An execution in the background, whose host functions this client runs meanwhile.

    Attributes:
        id: Its id, by which any client can come back to it.
    """

    def __init__(self, execution: FollowedExecution, collector: Collector) -> None:
        execution.shows_calls = False
        self.id = str(execution.id)
        self._execution = execution
        self._collector = collector
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def result(self) -> Execution:
        """Wait for its end; return how it went. May be cancelled, and called again. Raises as ``execute``."""
        return await asyncio.shield(self._following)

    async def interrupt(self) -> None:
        """Interrupt it; its last events still come."""
        await self._execution.interrupt()

    async def leave(self) -> None:
        """Answer its calls no more, and wait for no result. It goes on: ``resume`` comes back to it."""
        self._execution.leave()
        self._following.cancel()
        await asyncio.wait([self._following], timeout=LEAVE_LIMIT_S)

    async def _follow(self) -> Execution:
        try:
            while await self._execution.fill():
                while self._execution.events:
                    self._collector.add(self._execution.events.popleft())
        finally:
            self._execution.leave()
            await self._execution.close()
        return self._collector.result(self.id, self._execution.context_id)


class Background:
    """An execution in the background, for programs without an event loop; see ``AsyncBackground``.

    Attributes:
        id: Its id, by which any client can come back to it.
    """

    def __init__(self, portal: Portal, beginning: Coroutine[Any, Any, AsyncBackground]) -> None:
        self._portal = portal
        self._it = portal.wait(beginning)
        self.id = self._it.id

    def result(self, timeout: float | None = None) -> Execution:
        """Wait for its end; return how it went. Raises as ``execute``, and TimeoutError after ``timeout`` seconds."""
        return self._portal.wait(_within(self._it, timeout))

    def interrupt(self) -> None:
        """Interrupt it; its last events still come."""
        self._portal.wait(self._it.interrupt())

    def leave(self) -> None:
        """Answer its calls no more, and wait for no result. It goes on: ``resume`` comes back to it."""
        self._portal.wait(self._it.leave())


async def start_background(
    core: ClientCore, code: str, context_id: str | None, options: StreamOptions
) -> AsyncBackground:
    """Begin an execution; see ``AsyncInterpreter.start``."""
    return AsyncBackground(await core.start(code, context_id, options), core.collector())


async def resume_background(core: ClientCore, execution_id: str, functions: HostFunctions | None) -> AsyncBackground:
    """Come back to an execution; see ``AsyncInterpreter.resume``."""
    return AsyncBackground(await core.resume(execution_id, functions), core.collector())


async def _within(it: AsyncBackground, timeout_s: float | None) -> Execution:
    async with asyncio.timeout(timeout_s):
        return await it.result()
