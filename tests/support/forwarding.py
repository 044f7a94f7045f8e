"""The port as a remote daemon would implement it: calls take time, and values arrive as copies."""

import asyncio
import inspect
import pickle
from collections.abc import AsyncIterator
from typing import Any

from interpreterd.contexts.files import LocalFiles
from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.files.settings import FileSettings


class Forwarded:
    """Forwards each call of the port to ``LocalContexts``; no other attribute is reachable."""

    def __init__(self, manager: Manager, files: FileSettings | None = None) -> None:
        self._there = LocalContexts(manager, files)

    @property
    def closing(self) -> bool:
        return self._there.closing

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._there, name)
        assert inspect.iscoroutinefunction(verb), f"{name} is no verb of the port"

        async def ask(*arguments: Any, **keys: Any) -> Any:
            await asyncio.sleep(0)
            answer = await verb(*copied(arguments), **copied(keys))
            await asyncio.sleep(0)
            if hasattr(answer, "__aiter__"):
                return ForwardedEvents(answer)
            if isinstance(answer, LocalFiles):
                return ForwardedFiles(answer)
            return copied(list(answer)) if hasattr(answer, "__next__") else copied(answer)

        return ask


class ForwardedEvents:
    """Forwarded events of a context or of an execution."""

    def __init__(self, there: Any) -> None:
        self._there = there
        self.next, self.at_end = there.next, there.at_end
        if hasattr(there, "execution_id"):
            self.execution_id, self.context_id = there.execution_id, there.context_id

    async def __aiter__(self) -> AsyncIterator[tuple[int, Any]]:
        async for number, event in self._there:
            await asyncio.sleep(0)
            yield number, event

    async def ready(self) -> list[tuple[int, Any]]:
        events: list[tuple[int, Any]] = await self._there.ready()
        await asyncio.sleep(0)
        return events

    def stop(self) -> None:
        self._there.stop()


class ForwardedFiles:
    """Forwarded files of a context."""

    def __init__(self, there: LocalFiles) -> None:
        self._there = there

    async def list(self, **keys: Any) -> Any:
        return copied(await self._there.list(**copied(keys)))

    def reading(self, path: str) -> Any:
        return self._there.reading(copied(path))

    def writing(self, path: str, condition: Any, **keys: Any) -> Any:
        return self._there.writing(copied(path), copied(condition), **copied(keys))

    async def delete(self, path: str, condition: Any, **keys: Any) -> None:
        await self._there.delete(copied(path), copied(condition), **copied(keys))


def copied(value: Any) -> Any:
    """Return a pickled copy of ``value``, which must be data."""
    return pickle.loads(pickle.dumps(value))
