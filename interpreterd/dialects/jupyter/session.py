"""One client of a kernel, over all of its connections: what it is told, in order, and where to go on.

Everything that happens in the context comes by the feed of its events, by number. The events of the client's own
executions come from their own journals, for which the program waits; the feed says when their turn has come. A client
that comes back with the same ``session_id`` gets the rest: the feed goes on after the last event that was sent.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from typing import Any, Final

from interpreterd.background import supervised
from interpreterd.contexts.service import Events
from interpreterd.dialects.jupyter.batch import Batch
from interpreterd.dialects.jupyter.kernel import JupyterKernel, Parent
from interpreterd.dialects.jupyter.line import Line
from interpreterd.dialects.jupyter.messages import Outgoing, status
from interpreterd.dialects.jupyter.own import FORGOTTEN, OwnExecution
from interpreterd.dialects.jupyter.translation import Telling, stream
from interpreterd.dialects.jupyter.wire import JsonWire, Wire
from interpreterd.http.closing import NORMAL, Closing, close_reason
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.model.errors import InterpreterError, LimitReached
from interpreterd.model.events import (
    Event,
    Finished,
    Gap,
    Happened,
    InputRequest,
    Queued,
    Started,
    Submitted,
    WorkerEnded,
)
from interpreterd.model.requests import Execute

REPLACED: Final = Closing(NORMAL.code, close_reason("another connection has come with the same session_id"))
WORKS_LIMIT: Final = 64  # unanswered requests of one client, without executions


_log = logging.getLogger(__name__)


class Session:
    """See ``kernel.KernelClient``. It has one connection at a time.

    Attributes:
        origin: Its name for clients of other APIs.
        batch: The cells that it has sent together.
        claims: How many connections are this client's: more than one for a moment.
    """

    def __init__(self, kernel: JupyterKernel, session_id: str) -> None:
        self.session_id = session_id
        self.origin = f"jupyter/{session_id}"
        self._kernel = kernel
        self._service = kernel.service
        self.claims = 0
        self._turn = asyncio.Lock()  # of connections
        self._latest: WebSocket | None = None
        self._line = Line(kernel.author)
        self.tell = self._line.tell
        self._feed: Events[Happened] | None = None
        self._position: int | None = None  # in the feed: the first event that was not told; None is now
        self._taken: list[OwnExecution] = []  # of each own event in the feed since then
        self._own: dict[str, OwnExecution] = {}
        self._others: dict[str, Telling] = {}
        self._running: bytes | None = None  # the parent of what runs, as far as the client knows
        self._asking: str | None = None
        self._out: list[Outgoing] = []
        self._works: set[asyncio.Task[None]] = set()
        self.batch = Batch(relayed=False)

    @property
    def connected(self) -> bool:
        """Whether it has a connection."""
        return self._line.is_open

    # Its connection

    async def attach(self, socket: WebSocket, wire: Wire) -> None:
        """Be connected by ``socket`` from now on; an older connection of this client is closed first.

        Raises:
            ContextNotFound
        """
        if self._latest is not None:
            self._latest.finish(REPLACED)
        self._latest = socket
        await self._turn.acquire()
        try:
            self._feed = await self._service.follow_context(self._kernel.context_id, self._position)
        except BaseException:
            if self._latest is socket:
                self._latest = None
            self._turn.release()
            raise
        self._position = self._feed.next
        self.batch = Batch(relayed=isinstance(wire, JsonWire))
        self._line.open(socket, wire)

    def detach(self, socket: WebSocket) -> None:
        """Leave the connection, after ``attach``; executions go on."""
        assert self._feed is not None
        self._feed.stop()
        self._out.clear()
        self._taken.clear()
        self._feed = None
        self._line.close()
        self._running = None
        for own in self._own.values():
            own.leave()
        if self._latest is socket:
            self._latest = None
        self._turn.release()

    def close(self) -> None:
        """The client does not come back."""
        for own in self._own.values():
            own.close()
        self._own.clear()

    async def follow(self) -> None:
        """Tell everything, until the kernel ends. Raises ``ConnectionError`` when the client has gone."""
        assert self._feed is not None
        await self._line.send_kept()
        while batch := await self._feed.ready():
            if self._kernel.submitting.locked():  # an own execution may already be in the feed
                async with self._kernel.submitting:
                    pass
            for number, happened in batch:
                await self._take(number, happened)
            await self._flush(batch[-1][0] + 1)

    def check_room(self) -> None:
        """Raise ``LimitReached`` if too much goes on already."""
        if len(self._works) >= WORKS_LIMIT:
            raise LimitReached(f"too many unanswered requests of this client: the limit is {WORKS_LIMIT}")

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` meanwhile; for a client's request, ``check_room`` before."""
        task = supervised(
            asyncio.get_running_loop(), work, _log, "a request to kernel %s failed", self._kernel.context_id
        )
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def answer(self, *messages: Outgoing) -> None:
        """Send an answer with its ``idle``: if code runs, the kernel is busy again."""
        if self._running is not None:
            messages = (*messages, status("busy", self._running))
        await self.tell(*messages)

    async def _flush(self, position: int | None = None) -> None:
        """Send what has been collected; the feed then goes on at ``position``."""
        if self._out:
            await self._line.send(self._out)
            self._out.clear()
        if position is not None:
            self._position = position
            for own in self._taken:
                own.seen += 1
            if self._taken:
                self._own = {key: own for key, own in self._own.items() if not own.is_past}
                self._taken.clear()

    # Its executions

    async def execute(self, request: Execute, parent: Parent) -> None:
        """Submit an execution of this client's. Raises as the port."""
        async with self._kernel.submitting:
            submission = await self._service.submit(request, answers=request.stdin)
            replied = request.comm is None
            code = request.code if replied else ""
            telling = Telling(parent.header, code, silent=parent.silent, own=True, replied=replied)
            self._own[submission.execution_id] = OwnExecution(self._service, telling, submission, request)
            self._kernel.remember(submission.execution_id, parent)
        if not self._line.is_open:  # it has gone meanwhile
            self._own[submission.execution_id].leave()

    async def give(self, text: str) -> bool:
        """Answer the question of the own execution that runs; return whether there is one."""
        asking, self._asking = self._asking, None
        return asking is not None and await self._service.answer(asking, text)

    # Events

    async def _take(self, number: int, happened: Happened | Gap) -> None:
        if isinstance(happened, Gap):
            await self._take_gap(happened)
            return
        execution_id, event = happened.execution_id, happened.event
        if execution_id is None:
            await self._take_other(number, event)
        elif (own := self._own.get(execution_id)) is not None:
            await self._take_own(number, own, event)
        elif isinstance(event, Submitted):
            self._kernel.parent(execution_id, event)
        elif not isinstance(event, Queued):
            await self._tell_of_other(execution_id, event)

    async def _take_own(self, number: int, own: OwnExecution, event: Event) -> None:
        if isinstance(event, Submitted):
            return
        if not (own.done or isinstance(event, Queued)):
            await self._flush(number)
            await self._drain(own)
        self._taken.append(own)

    async def _drain(self, own: OwnExecution) -> None:
        """Tell an own execution to its end."""
        source = await own.events()
        if source is None:
            self._out += own.telling.tell(FORGOTTEN)
            await self._flush()
        while source is not None and (events := await source.ready()):
            for _, event in events:
                if isinstance(event, Started):
                    self._note_start(own.telling)
                elif isinstance(event, InputRequest):
                    self._asking = own.execution_id
                elif isinstance(event, Finished) and event.error is not None and own.stops:
                    self.batch.failed(own.telling.parent, time.monotonic() - own.begun_at)
                self._out += own.telling.tell(event)
            await self._flush()
            own.told = events[-1][0] + 1
        own.done = True
        own.telling.code = ""  # it may be long
        own.close()
        self._running = self._asking = None

    async def _tell_of_other(self, execution_id: str, event: Event) -> None:
        telling = self._others.get(execution_id)
        if telling is None:
            parent = self._kernel.parent(execution_id)
            telling = Telling(parent.header, parent.code, silent=parent.silent)
            self._others = {execution_id: telling}  # one runs at a time
        if isinstance(event, Started):
            self._note_start(telling)
        self._out += telling.tell(event)
        if isinstance(event, Finished):
            self._others.pop(execution_id, None)
            self._running = None

    def _note_start(self, telling: Telling) -> None:
        self._running = self._kernel.latest = telling.parent

    async def _take_other(self, number: int, event: Event) -> None:
        """Take an event outside of executions: what threads show belongs to the latest one, as in ipykernel."""
        if not isinstance(event, WorkerEnded):
            self._out += Telling(self._kernel.latest, "").tell(event)
        else:
            if not await self._kernel.exists():
                return  # its end is told after its last event, and is no restart
            if not event.asked:
                self._out.append(status("restarting"))
                await self._flush(number + 1)
            self._out += await self._kernel.after_end(event)

    async def _take_gap(self, gap: Gap) -> None:
        """Events of the feed are lost: those of own executions are still in their own journals."""
        for execution_id, own in list(self._own.items()):
            with contextlib.suppress(InterpreterError):
                if own.done or (await self._service.execution(execution_id)).state == "queued":
                    continue
            await self._flush()
            await self._drain(own)
        self._others.clear()
        missing = gap.last - gap.first + 1
        known = {}
        for execution_id, own in self._own.items():
            known[execution_id] = min(missing, own.told - own.seen)
            missing -= known[execution_id]
        if missing:
            text = f"[interpreterd: {missing} events of this kernel are lost, since they are no longer kept]\n"
            self._out.append(stream("stderr", text, self._kernel.latest))
        await self._flush(gap.last + 1)
        for execution_id, count in known.items():
            if (own_now := self._own.get(execution_id)) is not None:
                own_now.seen += count
