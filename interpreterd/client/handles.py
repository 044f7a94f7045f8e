"""A context in a program's hands: what it is and what can be done with it, for both faces of the client."""

import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from interpreterd.client.background import AsyncBackground, Background
from interpreterd.client.branching import AsyncBranchingContext, BranchingContext
from interpreterd.client.context_files import RunRequest, RunRequestAsync
from interpreterd.client.errors import ContextNotFound
from interpreterd.client.looks import AsyncLooks, Looks
from interpreterd.client.options import ExecuteOptions, StreamOptions, check_keywords
from interpreterd.client.results import Execution
from interpreterd.model.events import Event, Gap

if TYPE_CHECKING:
    from interpreterd.client.aio import AsyncInterpreter
    from interpreterd.client.sync import Interpreter


class Context(Looks, BranchingContext):
    """A context, and its client's methods for it. ``with`` deletes it at the end of the block."""

    def __init__(self, client: "Interpreter", data: Mapping[str, Any], ask: RunRequest) -> None:
        super().__init__(data, ask)
        self._client = client

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Delete it, if that has not been done."""
        with contextlib.suppress(ContextNotFound):
            self.delete()

    def execute(self, code: str, **options: Unpack[ExecuteOptions]) -> Execution:
        """See ``Interpreter.execute``."""
        check_keywords("execute", options, ExecuteOptions)
        return self._client.execute(code, self.id, **options)

    def stream(self, code: str, **options: Unpack[StreamOptions]) -> Generator[Event | Gap, None, None]:
        """See ``Interpreter.stream``."""
        check_keywords("stream", options, StreamOptions)
        return self._client.stream(code, self.id, **options)

    def start(self, code: str, **options: Unpack[StreamOptions]) -> Background:
        """See ``Interpreter.start``."""
        return self._client.start(code, self.id, **options)

    def interrupt(self) -> bool:
        """See ``Interpreter.interrupt``."""
        return self._client.interrupt(self.id)

    def restart(self, *, cancel_queued: bool = False) -> "Context":
        """See ``Interpreter.restart``."""
        return self._client.restart(self.id, cancel_queued=cancel_queued)

    def delete(self) -> None:
        """See ``Interpreter.delete_context``."""
        self._client.delete_context(self.id)

    def _as(self, data: Mapping[str, Any]) -> Self:
        return type(self)(self._client, data, self._request)


class AsyncContext(AsyncLooks, AsyncBranchingContext):
    """A context, and its client's methods for it. ``async with`` deletes it at the end of the block."""

    def __init__(self, client: "AsyncInterpreter", data: Mapping[str, Any], ask: RunRequestAsync) -> None:
        super().__init__(data, ask)
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

    async def execute(self, code: str, **options: Unpack[ExecuteOptions]) -> Execution:
        """See ``AsyncInterpreter.execute``."""
        check_keywords("execute", options, ExecuteOptions)
        return await self._client.execute(code, self.id, **options)

    def stream(self, code: str, **options: Unpack[StreamOptions]) -> AsyncGenerator[Event | Gap, None]:
        """See ``AsyncInterpreter.stream``."""
        check_keywords("stream", options, StreamOptions)
        return self._client.stream(code, self.id, **options)

    async def start(self, code: str, **options: Unpack[StreamOptions]) -> AsyncBackground:
        """See ``AsyncInterpreter.start``."""
        return await self._client.start(code, self.id, **options)

    async def interrupt(self) -> bool:
        """See ``AsyncInterpreter.interrupt``."""
        return await self._client.interrupt(self.id)

    async def restart(self, *, cancel_queued: bool = False) -> "AsyncContext":
        """See ``AsyncInterpreter.restart``."""
        return await self._client.restart(self.id, cancel_queued=cancel_queued)

    async def delete(self) -> None:
        """See ``AsyncInterpreter.delete_context``."""
        await self._client.delete_context(self.id)

    def _as(self, data: Mapping[str, Any]) -> Self:
        return type(self)(self._client, data, self._request)
