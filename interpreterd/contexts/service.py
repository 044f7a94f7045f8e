"""The port: everything that dialects may ask of contexts, in words of ``model``.

``local.LocalContexts`` implements it for the contexts of this process. Another implementation may ask another daemon.
So every verb that may need the network is a coroutine, and no verb hands out a context, a journal or a machine.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal, Protocol, TypeVar

from interpreterd.model.context_info import ContextInfo, RestartInfo
from interpreterd.model.events import Event, Gap, Happened
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.file_port import ContextFiles as ContextFiles
from interpreterd.model.file_port import Download as Download
from interpreterd.model.functions import CallAnswer, PendingCall
from interpreterd.model.isolation import Possible
from interpreterd.model.python import Python
from interpreterd.model.requests import ChangeContext, CreateContext, Execute
from interpreterd.model.state_port import ArchiveContent as ArchiveContent
from interpreterd.model.state_port import StateService as StateService
from interpreterd.model.stats import AllStats, Readings

_E_co = TypeVar("_E_co", covariant=True)
Interrupted = Literal["interrupting", "cancelled", "idle"]


class Events(Protocol[_E_co]):
    """Events with their numbers, in order, up to the last one or to ``stop``; for one reader.

    A reader that falls behind the journal gets a ``Gap``, with the number of the last event that it misses.
    """

    def __aiter__(self) -> AsyncIterator[tuple[int, _E_co | Gap]]:
        """Return an iterator that returns each event as soon as it happens."""
        ...

    async def ready(self) -> Sequence[tuple[int, _E_co | Gap]]:
        """Return all events that are there, once there is one, but a bounded number: for one write to the client.

        All of them count as read, so the reader asks again when its client has taken them. An empty list is the end.
        """
        ...

    @property
    def next(self) -> int:
        """The number of the next event that it reads."""
        ...

    @property
    def at_end(self) -> bool:
        """Whether the last event has been read, or comes before the first event to be read."""
        ...

    def stop(self) -> None:
        """Read no more; a waiting reader comes to the end. Must be called; repeating it changes nothing."""
        ...


class Submission(Events[Event], Protocol):
    """An accepted execution, and its events as its client reads them: without a gap, because the program waits for it.

    ``stop`` means that the client has disconnected: ``input()`` gets no more answers, and the execution is interrupted
    unless it ``stays`` or has ended.
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
    """Contexts and their executions. Every verb may raise ``ServerShuttingDown``.

    ``tenants.contexts`` has an implementation for one tenant, over ``tenants.owned.OwnedContexts``.
    """

    @property
    def closing(self) -> bool:
        """Whether it takes no more work, and all executions end."""
        ...

    @property
    def file_limit_bytes(self) -> int | None:
        """The size that an uploaded file may have; None if there is no limit."""
        ...

    @property
    def state(self) -> StateService:
        """Forks, checkpoints and archives of the contexts."""
        ...

    async def python(self) -> Python:
        """Return the interpreter that runs user code. Raises ``WorkerStartFailed`` if there is none."""
        ...

    async def directory(self) -> str:
        """Return the directory in which contexts begin that name none, among them the default one."""
        ...

    async def isolation(self) -> Possible:
        """Return which isolation this machine can give. Raises ``WorkerStartFailed`` if that is not known."""
        ...

    async def create(self, request: CreateContext) -> ContextInfo:
        """Return a new context with a worker that is ready.

        Raises:
            InvalidRequest, LimitReached, WorkerStartFailed: There is then no new context.
        """
        ...

    async def get(self, context_id: str, *, usage: bool = False) -> ContextInfo:
        """Return a context, with ``usage`` also its present usage.

        Raises:
            ContextNotFound: Also for the default context before its first use.
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
        """Return the contexts whose metadata has all ``labels``, oldest first; the default one only with ``default``.

        They begin after the one whose id is ``after``. Each is described when the iterator reaches it; contexts that
        have ended since are left out.

        Raises:
            ContextNotFound: No context has the id ``after``.
        """
        ...

    async def change(self, context_id: str, request: ChangeContext) -> ContextInfo:
        """Change a context. Raises ``ContextNotFound``, or ``InvalidRequest`` without a change."""
        ...

    async def delete(self, context_id: str) -> None:
        """End a context and every process that it started.

        Raises:
            ContextNotFound, DefaultContextKept
        """
        ...

    async def restart(self, context_id: str, *, cancel_queued: bool = False) -> RestartInfo:
        """Give a context a new worker; the running execution is lost, queued ones wait or are cancelled.

        Raises:
            ContextNotFound, WorkerStartFailed
            ContextDeleted: It was deleted meanwhile.
        """
        ...

    async def submit(self, request: Execute, *, answers: bool = False) -> Submission:
        """Queue ``request`` for a client that reads its events; only a client that ``answers`` is asked for input.

        With ``comm``, it gives a message to code, see ``model.comms``: followers of the context see what comes of it,
        but it is not listed, and is forgotten when it has ended.

        Raises:
            ContextNotFound, InvalidRequest, LimitReached: The refused request does not make the default context.
        """
        ...

    async def submit_unattended(self, request: Execute) -> ExecutionInfo:
        """Queue ``request``; its program never waits for a reader of its events. Raises as ``submit``."""
        ...

    async def look(self, request: Execute) -> Submission:
        """Queue ``request``, which has a task, for a client that reads its events up to ``Finished``.

        Its kinds are in ``model.looks``, the history and the open comms among them.

        It takes its turn like an execution, and can be interrupted like one; but no other client is told of it.

        Raises:
            ContextNotFound: Also for the default context before its first use.
            InvalidRequest, LimitReached
        """
        ...

    async def interrupt(self, context_id: str | None, execution_id: str | None = None) -> Interrupted:
        """Interrupt the running execution of a context, or ``execution_id``, which leaves the queue if it waits.

        None is the default context, in which nothing runs before its first use. Returns ``idle`` if no execution, or
        not this one, runs or waits. May be repeated.

        Raises:
            ContextNotFound
        """
        ...

    async def answer(self, execution_id: str, text: str | None) -> bool:
        """Give ``text`` (None: end of the input) to an execution that asks for input; return whether it does."""
        ...

    async def answer_call(self, execution_id: str, call_id: str, answer: CallAnswer) -> bool:
        """Answer the call of a host function; return whether it has waited for that: the first answer counts.

        Raises:
            ExecutionNotFound
            CallNotFound: The execution runs, and has made no such call.
        """
        ...

    async def calls(self, execution_id: str) -> Sequence[PendingCall]:
        """Return the calls of an execution that wait for an answer, oldest first. Raises ``ExecutionNotFound``."""
        ...

    async def execution(self, execution_id: str) -> ExecutionInfo:
        """Return an execution. Raises ``ExecutionNotFound``, also if it is forgotten."""
        ...

    async def executions(self, context_id: str, *, after: str | None = None) -> Iterable[ExecutionInfo]:
        """Return a context's executions: the running one, the waiting ones, then the ended ones, the latest first.

        They are described, and begin after ``after``, as in ``contexts``.

        Raises:
            ContextNotFound
            ExecutionNotFound: No execution has the id ``after``.
        """
        ...

    async def follow_execution(self, execution_id: str, start: int = 0) -> Events[Event]:
        """Return the events of an execution from the number ``start`` on. Raises ``ExecutionNotFound``."""
        ...

    async def follow_context(self, context_id: str, start: int | None = None) -> Events[Happened]:
        """Return the events of a context, from the number ``start`` on, or from now. Raises ``ContextNotFound``."""
        ...

    async def stats(self, context_id: str | None = None) -> AllStats:
        """Return what one context, or all that a client may list, use and have done; and the daemon's own process.

        Raises:
            ContextNotFound
        """
        ...

    async def readings(self) -> Readings:
        """Return the state of the daemon for its metrics, which tell of all tenants together."""
        ...

    async def files(self, context_id: str) -> ContextFiles:
        """Return the files of a context; also of the default context before its first use.

        Raises:
            ContextNotFound
        """
        ...
