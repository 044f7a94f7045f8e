"""The port: all that dialects may ask of contexts, in words of ``model``.

``local.LocalContexts`` answers for the contexts of this process. Another implementation may ask another daemon: so what
could take a way there is a coroutine, and nothing here hands out a context, a journal or a machine.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Literal, Protocol, TypeVar

from interpreterd.model.context_info import ContextInfo, RestartInfo
from interpreterd.model.events import Event, Gap, Happened
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.python import Python
from interpreterd.model.requests import ChangeContext, CreateContext, Execute

_E_co = TypeVar("_E_co", covariant=True)
Interrupted = Literal["interrupting", "cancelled", "idle"]


class Events(Protocol[_E_co]):
    """Events with their numbers, in order, up to the last one or to ``stop``; for one reader.

    A reader that falls behind what is kept gets a ``Gap``, with the number of the last event that it misses.
    """

    def __aiter__(self) -> AsyncIterator[tuple[int, _E_co | Gap]]:
        """Return what reads them: each event as soon as it is there."""
        ...

    @property
    def at_end(self) -> bool:
        """Whether the last event has been read, or lies before the first one that is wanted."""
        ...

    def stop(self) -> None:
        """Read no more; who waits for the next event comes to the end. Must be called; repeating it changes nothing."""
        ...


class Submission(Events[Event], Protocol):
    """An execution that was taken, and its events as its client reads them: without a gap, the program waits for it.

    With ``stop`` the client goes: nobody answers ``input()`` any more, and unless the execution ``stays`` or has ended,
    it is interrupted.
    """

    @property
    def execution_id(self) -> str:
        """The id of the execution."""
        ...

    @property
    def context_id(self) -> str:
        """The id of its context."""
        ...


class ContextService(Protocol):
    """Contexts and their executions. Every verb may raise ``ServerShuttingDown``."""

    @property
    def closing(self) -> bool:
        """Whether it takes no more work, and all executions end."""
        ...

    async def python(self) -> Python:
        """Return the interpreter that runs user code. Raises ``WorkerStartFailed`` if there is none."""
        ...

    async def create(self, request: CreateContext) -> ContextInfo:
        """Return a new context with a worker that is ready.

        Raises:
            InvalidRequest, LimitReached, WorkerStartFailed: And there is no new context.
        """
        ...

    async def get(self, context_id: str, *, usage: bool = False) -> ContextInfo:
        """Return a context, with ``usage`` also what it uses now.

        Raises:
            ContextNotFound: Also for a default context that nobody has used yet.
        """
        ...

    async def contexts(
        self,
        *,
        default: bool = True,
        labels: Iterable[tuple[str, str]] = (),
        after: str | None = None,
        usage: bool = False,
    ) -> Iterable[ContextInfo]:
        """Return the contexts whose metadata has all ``labels``, oldest first; not the default one unless ``default``.

        It begins after the one whose id is ``after``. Each is described when it is iterated over; those that have ended
        since are left out.

        Raises:
            ContextNotFound: There is no such context as ``after``.
        """
        ...

    async def change(self, context_id: str, request: ChangeContext) -> ContextInfo:
        """Change a context. Raises ``ContextNotFound``, or ``InvalidRequest``, and it is as before."""
        ...

    async def delete(self, context_id: str) -> None:
        """End a context and every process that it started.

        Raises:
            ContextNotFound, DefaultContextKept
        """
        ...

    async def restart(self, context_id: str, *, cancel_queued: bool = False) -> RestartInfo:
        """Give a context a new worker; what runs is lost, what waits goes on to wait, or is cancelled.

        Raises:
            ContextNotFound, WorkerStartFailed
            ContextDeleted: It was deleted meanwhile.
        """
        ...

    async def submit(self, request: Execute, *, answers: bool = False) -> Submission:
        """Queue ``request`` for a client that reads its events; only one that ``answers`` is asked for input.

        Raises:
            ContextNotFound, InvalidRequest, LimitReached: And the default context is not made for it.
        """
        ...

    async def submit_unattended(self, request: Execute) -> ExecutionInfo:
        """Queue ``request``, for whose events the program never waits. Raises as ``submit``."""
        ...

    async def interrupt(self, context_id: str | None, execution_id: str | None = None) -> Interrupted:
        """Interrupt what runs in a context, or the execution ``execution_id``, which leaves the queue if it waits.

        For None it is the default context, in which nothing runs before its first use. Returns ``idle`` if nothing, or
        not this execution, runs or waits. Repeating it does no harm.

        Raises:
            ContextNotFound
        """
        ...

    async def answer(self, execution_id: str, text: str | None) -> bool:
        """Give ``text`` (None: end of the input) to an execution that asks for it; return whether it does."""
        ...

    async def execution(self, execution_id: str) -> ExecutionInfo:
        """Return an execution. Raises ``ExecutionNotFound``, also if it is forgotten."""
        ...

    async def executions(self, context_id: str, *, after: str | None = None) -> Iterable[ExecutionInfo]:
        """Return a context's executions: the one that runs, those that wait, those that ended, the latest first.

        As ``contexts`` does, of which ``after`` is as here.

        Raises:
            ContextNotFound
            ExecutionNotFound: There is no such execution as ``after``.
        """
        ...

    async def follow_execution(self, execution_id: str, start: int = 0) -> Events[Event]:
        """Return the events of an execution from the number ``start`` on. Raises ``ExecutionNotFound``."""
        ...

    async def follow_context(self, context_id: str, start: int | None = None) -> Events[Happened]:
        """Return what happens in a context, from the number ``start`` on, or from now. Raises ``ContextNotFound``."""
        ...
