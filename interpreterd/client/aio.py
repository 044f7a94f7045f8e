"""The client for asyncio programs."""

import asyncio
import inspect
import os
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from interpreterd.client.archive_requests import with_archive
from interpreterd.client.archives import AsyncArchives
from interpreterd.client.background import AsyncBackground, resume_background, start_background
from interpreterd.client.callbacks import Callbacks, answer_of
from interpreterd.client.context_files import Work
from interpreterd.client.core import ClientCore
from interpreterd.client.following import FollowedExecution
from interpreterd.client.functions import HostFunctions
from interpreterd.client.handles import AsyncContext
from interpreterd.client.local import LocalDaemon
from interpreterd.client.options import ContextOptions, ExecuteOptions, Options, StreamOptions, check_keywords
from interpreterd.client.results import Execution
from interpreterd.client.state import Archive
from interpreterd.model.events import Event, Gap, InputRequest

_T = TypeVar("_T")


class AsyncInterpreter(AsyncArchives):
    """A client of a daemon, for asyncio. It has the methods of ``Interpreter``, as coroutines.

    It belongs to the event loop that uses it first. Any number of its calls may run there at the same time.
    Cancelling a call interrupts the code that it runs. Callbacks may be coroutine functions.
    """

    def __init__(self, url: str | LocalDaemon | None = None, **options: Unpack[Options]) -> None:
        """See ``Interpreter``."""
        check_keywords(type(self).__name__, options, Options)
        self._core = ClientCore(url, options)

    @classmethod
    def local(cls, *flags: str, **options: Unpack[Options]) -> Self:
        """Return a client of a private daemon; see ``Interpreter.local``."""
        return cls(LocalDaemon(*flags), **options)

    async def open(self) -> None:
        """Start the private daemon, if the client has one. Not needed: every call does so."""
        await self._core.open()

    async def close(self) -> None:
        """End all connections, and the private daemon. A second call changes nothing."""
        await self._core.disconnect()
        if self._core.daemon is not None:
            await asyncio.to_thread(self._core.daemon.stop)

    async def __aenter__(self) -> Self:
        """Open it."""
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def execute(self, code: str, context_id: str | None = None, **options: Unpack[ExecuteOptions]) -> Execution:
        """Run ``code``; return how it went. See ``Interpreter.execute``."""
        check_keywords("execute", options, ExecuteOptions)
        callbacks = Callbacks.of(options)
        collector = self._core.collector()
        execution = await self._core.follow(code, context_id, options)
        execution.shows_calls = False
        try:
            while await execution.fill():
                while execution.events:
                    event = execution.events.popleft()
                    collector.add(event)
                    told = callbacks.tell(event)
                    if inspect.isawaitable(told):
                        told = await told
                    if isinstance(event, InputRequest):
                        await execution.answer(answer_of(told))
        finally:
            await execution.close()
        return collector.result(execution.id, execution.context_id)

    def stream(
        self, code: str, context_id: str | None = None, **options: Unpack[StreamOptions]
    ) -> AsyncGenerator[Event | Gap, None]:
        """Run ``code`` and yield its events. See ``Interpreter.stream``.

        Use ``contextlib.aclosing`` if the loop may be left early: else the code runs until Python closes the stream.
        """
        check_keywords("stream", options, StreamOptions)
        return self._stream(code, context_id, options)

    async def begin(
        self, code: str, context_id: str | None = None, **options: Unpack[StreamOptions]
    ) -> FollowedExecution:
        """Prepare to run ``code``; return it, to be followed step by step, and left running if need be.

        The code is sent when the execution is first asked for events.
        """
        check_keywords("begin", options, StreamOptions)
        return await self._core.follow(code, context_id, options)

    async def start(
        self, code: str, context_id: str | None = None, **options: Unpack[StreamOptions]
    ) -> AsyncBackground:
        """Run ``code`` in the background; return it at once. Its program waits for no reader of its events."""
        check_keywords("start", options, StreamOptions)
        return await start_background(self._core, code, context_id, options)

    async def resume(self, execution_id: str, functions: HostFunctions | None = None) -> AsyncBackground:
        """Come back to an execution, also of another program, and answer its calls by ``functions`` from now on."""
        return await resume_background(self._core, execution_id, functions)

    async def attach(self, execution_id: str, start: int = 0) -> FollowedExecution:
        """Return an execution that was begun before, also by another client, from its event number ``start`` on."""
        return await self._core.attach(execution_id, start)

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """Return the daemon's description of an execution: PROTOCOL.md has its keys."""
        return await self._core.show_execution(execution_id)

    async def interrupt_execution(self, execution_id: str) -> str:
        """Interrupt one execution, or take it out of the queue.

        Returns:
            ``interrupting``, ``cancelled`` if it waited, or ``idle`` if it has ended.
        """
        return await self._core.interrupt_execution(execution_id)

    async def create_context(
        self,
        cwd: str | os.PathLike[str] | None = None,
        language: str | None = None,
        **options: Unpack[ContextOptions],
    ) -> AsyncContext:
        """Make a context. See ``Interpreter.create_context``."""
        check_keywords("create_context", options, ContextOptions)
        return AsyncContext(self, await self._core.create_context(cwd, language, options), self._request)

    async def load(
        self,
        archive: str | Archive,
        /,
        cwd: str | os.PathLike[str] | None = None,
        **options: Unpack[ContextOptions],
    ) -> AsyncContext:
        """Make a context with the variables of an archive. See ``Interpreter.load``."""
        return await self.create_context(cwd, **with_archive("load", archive, options))

    async def get_context(self, context_id: str) -> AsyncContext:
        """Return a context. See ``Interpreter.get_context``."""
        return AsyncContext(self, await self._core.get_context(context_id), self._request)

    async def list_contexts(
        self, *, labels: Mapping[str, str] | None = None, usage: bool = False
    ) -> list[AsyncContext]:
        """Return all contexts, also the default one, oldest first. See ``Interpreter.list_contexts``."""
        return [AsyncContext(self, data, self._request) for data in await self._core.list_contexts(labels, usage)]

    async def stats(self, context_id: str | None = None) -> dict[str, Any]:
        """Return what a context, or all of them, use and have done. See ``Interpreter.stats``."""
        return await self._core.stats(context_id)

    async def label_context(self, context_id: str, labels: Mapping[str, str | None]) -> AsyncContext:
        """Change a context's metadata: each of ``labels`` is set, or removed if it is None; the others stay."""
        return AsyncContext(
            self, await self._core.change_context(context_id, {"metadata": dict(labels)}), self._request
        )

    async def delete_context(self, context_id: str) -> None:
        """End a context. See ``Interpreter.delete_context``."""
        await self._core.delete_context(context_id)

    async def interrupt(self, context_id: str | None = None) -> bool:
        """Interrupt the code that runs in a context. See ``Interpreter.interrupt``."""
        return await self._core.interrupt(context_id)

    async def restart(self, context_id: str | None = None, *, cancel_queued: bool = False) -> AsyncContext:
        """Give a context a new Python. See ``Interpreter.restart``."""
        return AsyncContext(self, await self._core.restart(context_id, cancel_queued), self._request)

    async def look(self, context_id: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Look at a context's namespace. See ``Interpreter.look``."""
        return await self._core.look(context_id, what, body)

    async def _request(self, work: Work[_T]) -> _T:
        return await work(self._core)

    create_interpreter_context = create_context
    delete_interpreter_context = delete_context

    async def _stream(
        self, code: str, context_id: str | None, options: StreamOptions
    ) -> AsyncGenerator[Event | Gap, None]:
        execution = await self._core.follow(code, context_id, options)
        try:
            while await execution.fill():
                while execution.events:
                    yield execution.events.popleft()
        finally:
            await execution.close()
