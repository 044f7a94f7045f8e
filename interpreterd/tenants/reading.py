"""What a token of the role ``read`` gets of a tenant's contexts: it may list, follow and read them, and change nothing.

What it may not do raises ``Forbidden``. A look that only lists (variables, history, comms) takes its turn in the
context, and is allowed; a look that may run code of objects is not.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NoReturn

from interpreterd.contexts.service import ContextFiles, ContextService, Download, Events, Submission
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.events import Event, Happened
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.files import FilePage
from interpreterd.model.functions import PendingCall
from interpreterd.model.isolation import Possible
from interpreterd.model.python import Python
from interpreterd.model.requests import Execute
from interpreterd.model.stats import AllStats, Readings
from interpreterd.tenants.refusing import refuse
from interpreterd.tenants.state import ReadOnlyState

LISTING: Final = ("variables", "history", "comms")
"""The looks that are allowed."""


class ReadOnlyContexts:
    """Implements ``service.ContextService``."""

    def __init__(self, inner: ContextService) -> None:
        """Let ``inner`` be read."""
        self._inner = inner

    @property
    def closing(self) -> bool:
        return self._inner.closing

    @property
    def state(self) -> ReadOnlyState:
        return ReadOnlyState(self._inner.state)

    @property
    def file_limit_bytes(self) -> int | None:
        return self._inner.file_limit_bytes

    async def python(self) -> Python:
        return await self._inner.python()

    async def isolation(self) -> Possible:
        return await self._inner.isolation()

    async def directory(self) -> str:
        return await self._inner.directory()

    async def get(self, context_id: str, *, usage: bool = False) -> ContextInfo:
        return await self._inner.get(context_id, usage=usage)

    async def contexts(
        self,
        *,
        default: bool = True,
        labels: Iterable[tuple[str, str]] = (),
        after: str | None = None,
        usage: bool = False,
    ) -> Iterable[ContextInfo]:
        return await self._inner.contexts(default=default, labels=labels, after=after, usage=usage)

    async def calls(self, execution_id: str) -> Sequence[PendingCall]:
        return await self._inner.calls(execution_id)

    async def execution(self, execution_id: str) -> ExecutionInfo:
        return await self._inner.execution(execution_id)

    async def executions(self, context_id: str, *, after: str | None = None) -> Iterable[ExecutionInfo]:
        return await self._inner.executions(context_id, after=after)

    async def follow_execution(self, execution_id: str, start: int = 0) -> Events[Event]:
        return await self._inner.follow_execution(execution_id, start)

    async def follow_context(self, context_id: str, start: int | None = None) -> Events[Happened]:
        return await self._inner.follow_context(context_id, start)

    async def stats(self, context_id: str | None = None) -> AllStats:
        return await self._inner.stats(context_id)

    async def readings(self) -> Readings:
        return await self._inner.readings()

    async def files(self, context_id: str) -> "ReadOnlyFiles":
        return ReadOnlyFiles(await self._inner.files(context_id))

    async def look(self, request: Execute) -> Submission:
        if request.task is None or request.task.kind not in LISTING:
            refuse()
        return await self._inner.look(request)

    async def create(self, request: object) -> NoReturn:
        refuse()

    async def change(self, context_id: str, request: object) -> NoReturn:
        refuse()

    async def delete(self, context_id: str) -> NoReturn:
        refuse()

    async def restart(self, context_id: str, *, cancel_queued: bool = False) -> NoReturn:
        refuse()

    async def submit(self, request: Execute, *, answers: bool = False) -> NoReturn:
        refuse()

    async def submit_unattended(self, request: Execute) -> NoReturn:
        refuse()

    async def interrupt(self, context_id: str | None, execution_id: str | None = None) -> NoReturn:
        refuse()

    async def answer(self, execution_id: str, text: str | None) -> NoReturn:
        refuse()

    async def answer_call(self, execution_id: str, call_id: str, answer: object) -> NoReturn:
        refuse()


class ReadOnlyFiles:
    """Implements ``service.ContextFiles``."""

    def __init__(self, inner: ContextFiles) -> None:
        """Let ``inner`` be read."""
        self._inner = inner

    async def list(self, *, glob: str | None = None, after: str | None = None) -> FilePage:
        return await self._inner.list(glob=glob, after=after)

    def reading(self, path: str) -> AbstractAsyncContextManager[Download]:
        return self._inner.reading(path)

    def writing(self, path: str, condition: object, *, size_bytes: int | None = None) -> NoReturn:
        refuse()

    async def delete(self, path: str, condition: object, *, recursive: bool = False) -> NoReturn:
        refuse()
