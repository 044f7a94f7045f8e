"""Watches of directories: each is an unlisted context that runs ``in_context.watching``."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import orjson
from attrs import frozen

from interpreterd.background import supervised
from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.helpers import own_execution, source
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Finished, InputRequest, Output
from interpreterd.model.requests import CreateContext

EVENTS_LIMIT: Final = 10_000
UNASKED_LIMIT_S: Final = 3600.0
LOST: Final = "lost"
"""The kind of a change that stands for those which the system has not kept."""
TOO_FAST: Final = "more has happened in the directory than the system keeps for its watch; some events are lost"
_CODE: Final = source("files", "watching")
_LINE_LIMIT_CHARS: Final = 64 << 10
_log = logging.getLogger(__name__)


@frozen
class Change:
    """What has happened to the file ``name``: ``kind`` is a word of ``in_context.watching``."""

    name: str
    kind: str
    entry: dict[str, Any] | None


class DirectoryWatch:
    """One directory that is watched, from ``begin`` to ``end``."""

    def __init__(self, service: ContextService, path: str, *, recursive: bool, entries: bool) -> None:
        """DirectoryWatch ``path``; with ``entries`` a change has a description of its file."""
        self._service = service
        described = "describe" if entries else "None"
        self._call = f"watch(resolved({path!a}), recursive={recursive}, describe={described})"
        self._context_id = ""
        self._submission: Submission | None = None

    async def begin(self) -> None:
        """Return when it watches.

        Raises:
            EnvdRefused, LimitReached, WorkerStartFailed, ServerShuttingDown: It has ended.
        """
        info = await self._service.create(CreateContext(listed=False))
        self._context_id = info.id
        try:
            request = own_execution(info.id, f"{_CODE}\n{self._call}")
            self._submission = submission = await self._service.submit(request, answers=True)
            async for _, event in submission:
                if isinstance(event, InputRequest):
                    if event.prompt != "ready":
                        code, _, sentence = event.prompt.removeprefix("refused ").partition(" ")
                        raise EnvdRefused(code, sentence)
                    await self._service.answer(submission.execution_id, "")
                    return
                if isinstance(event, Finished):
                    raise EnvdRefused("internal", "the directory cannot be watched: its context has failed")
        except BaseException:
            await asyncio.shield(self.end())
            raise

    async def changes(self, keepalive_s: float | None = None) -> AsyncIterator[Change | None]:
        """Yield what happens, until the watch ends; None whenever nothing has happened for ``keepalive_s``.

        A change whose kind is ``LOST`` stands for those that came too fast for the watch.
        """
        assert self._submission is not None, "it has begun"
        rest = ""
        while True:
            try:
                async with asyncio.timeout(keepalive_s):
                    batch = await self._submission.ready()
            except TimeoutError:
                yield None
                continue
            if not batch:
                return
            text = rest + "".join(event.text for _, event in batch if isinstance(event, Output))
            *lines, rest = text.split("\n")
            if len(rest) > _LINE_LIMIT_CHARS:
                return
            for line in lines:
                change = _change(line)
                if change is not None:
                    yield change

    async def end(self) -> None:
        """DirectoryWatch no more. Repeating it changes nothing."""
        if self._submission is not None:
            self._submission.stop()
        context_id, self._context_id = self._context_id, ""
        if context_id:
            try:
                await self._service.delete(context_id)
            except InterpreterError as error:
                _log.debug("a watch has already ended: %s", error)


def _change(line: str) -> Change | None:
    try:
        event = orjson.loads(line)
        entry = event.get("entry")
        if isinstance(event["name"], str) and isinstance(event["type"], str) and isinstance(entry, dict | None):
            return Change(event["name"], event["type"], entry)
    except (ValueError, KeyError, AttributeError):
        pass
    return None


class KeptWatch:
    """A watch whose changes are kept until a client asks for them: at most ``EVENTS_LIMIT``."""

    def __init__(self, watch: DirectoryWatch) -> None:
        self.watch = watch
        self.asked_at = 0.0
        self.lost = ""  # why changes are
        self._changes: deque[Change] = deque()
        self._ended = False

    @property
    def is_over(self) -> bool:
        """Whether the watch has ended, and nothing is left to be told."""
        return self._ended and not self._changes and not self.lost

    async def collect(self) -> None:
        """Keep what happens, until the watch ends."""
        async for change in self.watch.changes():
            if change is not None and change.kind == LOST:
                self.lost = TOO_FAST
            elif len(self._changes) == EVENTS_LIMIT:
                self.lost = f"more than {EVENTS_LIMIT} events have come since the watcher was last asked; they are lost"
            elif change is not None:
                self._changes.append(change)
        self._ended = True

    def take(self) -> list[Change]:
        """Return what has happened since it was last taken. Raises ``EnvdRefused`` if some of it is lost."""
        taken = list(self._changes)
        self._changes.clear()
        if self.lost:
            sentence, self.lost = self.lost, ""
            raise EnvdRefused("resource_exhausted", sentence)
        return taken


class Watches:
    """The watchers of a daemon, by their ids. One that no client asks for an hour ends."""

    def __init__(self, service: ContextService) -> None:
        self._service = service
        self._watchers: dict[str, KeptWatch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, path: str, *, recursive: bool, entries: bool) -> DirectoryWatch:
        """Return a watch for one client, which begins it and ends it."""
        return DirectoryWatch(self._service, path, recursive=recursive, entries=entries)

    def end(self, watch: DirectoryWatch) -> None:
        """End a watch, without waiting for it."""
        self._run(watch.end())

    async def create(self, watcher_id: str, path: str, *, recursive: bool, entries: bool) -> None:
        """Begin a watcher. Raises as ``DirectoryWatch.begin``."""
        watch = self.watch(path, recursive=recursive, entries=entries)
        await watch.begin()
        self._watchers[watcher_id] = watcher = KeptWatch(watch)
        self._ask(watcher)
        self._run(self._collect(watcher_id, watcher))
        self._end_unasked(watcher_id, watcher)

    async def close(self) -> None:
        """Wait for what is under way: the contexts of all watches have ended."""
        await asyncio.gather(*self._tasks)

    async def _collect(self, watcher_id: str, watcher: KeptWatch) -> None:
        """Keep what happens; when the watch has ended, keep the watcher only until what is left has been taken."""
        await watcher.collect()
        await watcher.watch.end()
        self._drop_if_over(watcher_id, watcher)

    def _drop_if_over(self, watcher_id: str, watcher: KeptWatch | None) -> None:
        if watcher is not None and watcher.is_over and self._watchers.get(watcher_id) is watcher:
            del self._watchers[watcher_id]

    def find(self, watcher_id: str) -> KeptWatch:
        """Return a watcher, of which a client asks now. Raises ``EnvdRefused``."""
        self._drop_if_over(watcher_id, self._watchers.get(watcher_id))
        watcher = self._watchers.get(watcher_id)
        if watcher is None:
            raise EnvdRefused("not_found", f"no watcher has the id {watcher_id[:100]}")
        self._ask(watcher)
        return watcher

    async def remove(self, watcher_id: str) -> None:
        """End a watcher. Raises ``EnvdRefused``."""
        watcher = self.find(watcher_id)
        self._watchers.pop(watcher_id, None)
        await watcher.watch.end()

    def _ask(self, watcher: KeptWatch) -> None:
        watcher.asked_at = asyncio.get_running_loop().time()

    def _end_unasked(self, watcher_id: str, watcher: KeptWatch) -> None:
        """End the watcher if no client has asked for it for long; otherwise look again when that may be so."""
        if self._watchers.get(watcher_id) is not watcher:
            return
        loop = asyncio.get_running_loop()
        due = watcher.asked_at + UNASKED_LIMIT_S
        if loop.time() < due:
            loop.call_at(due, self._end_unasked, watcher_id, watcher)
        else:
            self._run(self.remove(watcher_id))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = supervised(asyncio.get_running_loop(), work, _log, "a watch of a directory failed")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
