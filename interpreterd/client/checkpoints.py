"""Checkpoints in a program's hands: blocks that a context goes back before, if they raise."""

import contextlib
from collections.abc import Awaitable, Callable, Generator, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from interpreterd.client.errors import CheckpointNotFound, ContextNotFound
from interpreterd.client.state import CheckpointData

_C = TypeVar("_C")
_GONE = (CheckpointNotFound, ContextNotFound)


class Checkpoint(CheckpointData, Generic[_C]):
    """A context as it was.

    ``with`` restores the context if the block raises, and lets the exception go on. The checkpoint ends with the block,
    unless the context could not be restored.
    """

    def __init__(self, data: Mapping[str, Any], restore: Callable[[str], _C], delete: Callable[[str], None]) -> None:
        super().__init__(data)
        self._restore = restore
        self._delete = delete

    def restore(self) -> _C:
        """Let the context be as it was then; return it. The checkpoint stays. Waits for the code that runs there."""
        return self._restore(self.id)

    def delete(self) -> None:
        """End it, and give its memory back. The context stays as it is."""
        self._delete(self.id)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the context if the block has raised; then end it."""
        if error is not None:
            self.restore()
        with contextlib.suppress(*_GONE):
            self.delete()


class AsyncCheckpoint(CheckpointData, Generic[_C]):
    """See ``Checkpoint``."""

    def __init__(
        self,
        data: Mapping[str, Any],
        restore: Callable[[str], Awaitable[_C]],
        delete: Callable[[str], Awaitable[None]],
    ) -> None:
        super().__init__(data)
        self._restore = restore
        self._delete = delete

    async def restore(self) -> _C:
        """See ``Checkpoint.restore``."""
        return await self._restore(self.id)

    async def delete(self) -> None:
        """See ``Checkpoint.delete``."""
        await self._delete(self.id)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the context if the block has raised; then end it."""
        if error is not None:
            await self.restore()
        with contextlib.suppress(*_GONE):
            await self.delete()


class CheckpointRequest(Generic[_C]):
    """What ``AsyncContext.checkpoint`` returns: ``await`` makes the checkpoint, and so does ``async with``."""

    def __init__(self, make: Callable[[], Awaitable[AsyncCheckpoint[_C]]]) -> None:
        self._make = make
        self._made: AsyncCheckpoint[_C] | None = None

    def __await__(self) -> Generator[Any, None, AsyncCheckpoint[_C]]:
        """Make it; return it."""
        return self._make().__await__()

    async def __aenter__(self) -> AsyncCheckpoint[_C]:
        """Make it; return it."""
        self._made = await self._make()
        return self._made

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """See ``Checkpoint``."""
        assert self._made is not None
        await self._made.__aexit__(kind, error, traceback)
