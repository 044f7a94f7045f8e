"""The client for asyncio programs, which is also what the other one drives."""

import asyncio
import contextlib
import inspect
import os
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self, Unpack
from urllib.parse import urlencode

from interpreterd.client.arguments import check, encode, quoted
from interpreterd.client.connection import DEFAULT_URL, Connection
from interpreterd.client.contexts import ContextData, Options
from interpreterd.client.errors import ContextNotFound
from interpreterd.client.local import LocalDaemon
from interpreterd.client.results import OUTPUT_LIMIT_CHARS, Callbacks, Collector, Execution, OnError, OnText
from interpreterd.client.run import Run
from interpreterd.schema import DEFAULT_CONTEXT_ID, Event, Gap


class AsyncInterpreter:
    """A client of a daemon, for asyncio; see ``Interpreter``, of which it has every method, as a coroutine.

    It belongs to the event loop that uses it first; there, any number of its calls may run at the same time.
    A call that is cancelled interrupts the code that it runs. Callbacks may be coroutine functions.
    """

    def __init__(self, url: str | LocalDaemon | None = None, **options: Unpack[Options]) -> None:
        """See ``Interpreter``."""
        self._headers = options.get("headers", {})
        self._origin = options.get("origin", "")
        check(self._headers, "headers")
        check(self._origin, "origin")
        self._reconnect_s = options.get("reconnect_s", 60.0)
        self._output_limit_chars = options.get("output_limit_chars", OUTPUT_LIMIT_CHARS)
        if url is None:
            url = os.environ.get("INTERPRETERD_URL") or DEFAULT_URL
        self._daemon = url if isinstance(url, LocalDaemon) else None
        self._connection = Connection(url, self._headers) if isinstance(url, str) else None
        self._opening = asyncio.Lock()
        self._closed = False

    @classmethod
    def local(cls, *flags: str, **options: Unpack[Options]) -> Self:
        """Return a client of a private daemon; see ``Interpreter.local``."""
        return cls(LocalDaemon(*flags), **options)

    async def open(self) -> None:
        """Start the private daemon, if there is to be one and it has not been started. Every call does it by itself."""
        await self._open()

    async def close(self) -> None:
        """End all connections, and the private daemon. Repeating it changes nothing."""
        await self._disconnect()
        if self._daemon is not None:
            await asyncio.to_thread(self._daemon.stop)

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

    async def execute(
        self,
        code: str,
        context_id: str | None = None,
        *,
        timeout: int | None = None,
        grace_s: float | None = None,
        envs: Mapping[str, str] | None = None,
        on_stdout: OnText | None = None,
        on_stderr: OnText | None = None,
        on_error: OnError | None = None,
        interactive: bool = False,
    ) -> Execution:
        """Run ``code``; return how it went. See ``Interpreter.execute``."""
        callbacks = Callbacks(on_stdout, on_stderr, on_error)
        collector = self._collector()
        run = await self._run(code, context_id, timeout, grace_s, envs, interactive)
        try:
            async for event in _events(run):
                collector.add(event)
                told = callbacks.tell(event)
                if inspect.isawaitable(told):
                    await told
        finally:
            await run.close()
        return collector.result(run.execution_id, run.context_id)

    async def stream(
        self,
        code: str,
        context_id: str | None = None,
        *,
        timeout: int | None = None,
        grace_s: float | None = None,
        envs: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Event | Gap]:
        """Run ``code`` and yield its events. See ``Interpreter.stream``.

        Who leaves the loop early should have it in ``contextlib.aclosing``; else Python ends it at some later time.
        """
        run = await self._run(code, context_id, timeout, grace_s, envs)
        try:
            async for event in _events(run):
                yield event
        finally:
            await run.close()

    async def create_context(
        self, cwd: str | os.PathLike[str] | None = None, language: str | None = None, **options: Any
    ) -> "AsyncContext":
        """Make a context. See ``Interpreter.create_context``."""
        body = {"cwd": None if cwd is None else os.fspath(cwd), "language": language, **options}
        return AsyncContext(self, await self._request("POST", "/context", encode(body)))

    async def get_context(self, context_id: str) -> "AsyncContext":
        """Return a context. See ``Interpreter.get_context``."""
        return AsyncContext(self, await self._request("GET", _path(context_id)))

    async def list_contexts(
        self, *, labels: Mapping[str, str] | None = None, usage: bool = False
    ) -> list["AsyncContext"]:
        """Return all contexts, the default one among them, oldest first. See ``Interpreter.list_contexts``."""
        check(labels, "labels")
        query = [("label", f"{key}={value}") for key, value in (labels or {}).items()]
        if usage:
            query.append(("usage", "true"))
        path = f"/contexts?{urlencode(query)}" if query else "/contexts"
        listed = await (await self._open()).request_all(path, "contexts")
        return [AsyncContext(self, data) for data in listed]

    async def delete_context(self, context_id: str) -> None:
        """End a context. See ``Interpreter.delete_context``."""
        await self._request("DELETE", _path(context_id))

    async def interrupt(self, context_id: str | None = None) -> bool:
        """Interrupt what runs in a context. See ``Interpreter.interrupt``."""
        answer = await self._request("POST", _path(context_id) + "/interrupt")
        return bool(answer["interrupted"])

    async def restart(self, context_id: str | None = None, *, cancel_queued: bool = False) -> "AsyncContext":
        """Give a context a new Python. See ``Interpreter.restart``."""
        query = "?cancelQueued=true" if cancel_queued else ""
        return AsyncContext(self, await self._request("POST", _path(context_id) + "/restart" + query))

    create_interpreter_context = create_context
    delete_interpreter_context = delete_context

    # For ``Interpreter``

    async def _run(
        self,
        code: str,
        context_id: str | None,
        timeout: int | None,
        grace_s: float | None,
        envs: Mapping[str, str] | None,
        interactive: bool = False,
    ) -> Run:
        body = {"code": code, "contextId": context_id, "timeout": timeout, "graceS": grace_s, "envs": envs}
        if interactive:
            body["interactive"] = True
        return Run(await self._open(), body, origin=self._origin, reconnect_s=self._reconnect_s)

    def _collector(self) -> Collector:
        return Collector(self._output_limit_chars)

    async def _disconnect(self) -> None:
        self._closed = True
        if self._connection is not None:
            await self._connection.close()

    async def _request(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        return await (await self._open()).request(method, path, body)

    async def _open(self) -> Connection:
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._connection is None:
            async with self._opening:
                if self._connection is None:
                    assert self._daemon is not None
                    self._connection = Connection(await asyncio.to_thread(self._daemon.start), self._headers)
        return self._connection


class AsyncContext(ContextData):
    """A context, and its client's methods for it. ``async with`` deletes it at the end of the block."""

    def __init__(self, client: AsyncInterpreter, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self._client = client

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Delete it, if that has not been done."""
        with contextlib.suppress(ContextNotFound):
            await self.delete()

    async def execute(
        self,
        code: str,
        *,
        timeout: int | None = None,
        grace_s: float | None = None,
        envs: Mapping[str, str] | None = None,
        on_stdout: OnText | None = None,
        on_stderr: OnText | None = None,
        on_error: OnError | None = None,
        interactive: bool = False,
    ) -> Execution:
        """See ``AsyncInterpreter.execute``."""
        return await self._client.execute(
            code,
            self.id,
            timeout=timeout,
            grace_s=grace_s,
            envs=envs,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            on_error=on_error,
            interactive=interactive,
        )

    def stream(
        self,
        code: str,
        *,
        timeout: int | None = None,
        grace_s: float | None = None,
        envs: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Event | Gap]:
        """See ``AsyncInterpreter.stream``."""
        return self._client.stream(code, self.id, timeout=timeout, grace_s=grace_s, envs=envs)

    async def interrupt(self) -> bool:
        """See ``AsyncInterpreter.interrupt``."""
        return await self._client.interrupt(self.id)

    async def restart(self, *, cancel_queued: bool = False) -> "AsyncContext":
        """See ``AsyncInterpreter.restart``."""
        return await self._client.restart(self.id, cancel_queued=cancel_queued)

    async def delete(self) -> None:
        """See ``AsyncInterpreter.delete_context``."""
        await self._client.delete_context(self.id)


async def _events(run: Run) -> AsyncIterator[Event | Gap]:
    while await run.fill():
        while run.events:
            yield run.events.popleft()


def _path(context_id: str | None) -> str:
    return f"/context/{quoted(context_id or DEFAULT_CONTEXT_ID)}"
