"""A kernel: what all clients of one context share. Its id is the context's."""

import asyncio
import logging
from collections import OrderedDict
from typing import Final, Protocol
from uuid import uuid4

from attrs import frozen

from interpreterd.background import supervised
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.jupyter.messages import (
    CONTROL,
    NO_PARENT,
    Author,
    Outgoing,
    answered,
    own_parent,
    reply,
    status,
)
from interpreterd.model.errors import ContextNotFound, InterpreterError
from interpreterd.model.events import Submitted, WorkerEnded

PARENTS_LIMIT: Final = 1024
PARENTS_LIMIT_BYTES: Final = 256 << 10
_log = logging.getLogger(__name__)


@frozen
class Parent:
    """A request to execute, as all clients of its kernel see it.

    Attributes:
        header: As JSON.
        code: Perhaps only its beginning; empty for a message to a comm.
        silent: Whether nobody is told of the code.
    """

    header: bytes
    code: str
    silent: bool = False

    @property
    def size_bytes(self) -> int:
        """The memory that it keeps, roughly."""
        return len(self.header) + 4 * len(self.code)


class KernelClient(Protocol):
    """A client of a kernel, connected or not."""

    claims: int

    @property
    def connected(self) -> bool: ...
    async def tell(self, *messages: Outgoing) -> None: ...


class JupyterKernel:
    """What all clients of one context share.

    Attributes:
        sessions: Its clients by their ``session_id``.
        author: The author of all messages.
        ended: Whether its context is no more.
        latest: The parent of output that belongs to no execution: the execution that began last.
    """

    def __init__(self, context_id: str, service: ContextService) -> None:
        self.context_id = context_id
        self.service = service
        self.author = Author()
        self.ended = False
        self.latest = NO_PARENT
        self.sessions: dict[str, KernelClient] = {}
        self.submitting = asyncio.Lock()
        self._session = uuid4().hex
        self._parents: OrderedDict[str, Parent] = OrderedDict()
        self._parents_bytes = 0
        self._coming: asyncio.Task[None] | None = None
        self._failed = False

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return sum(session.claims > 0 for session in self.sessions.values())

    def own_parent(self, kind: str) -> bytes:
        """Return the header of a request that the daemon itself makes."""
        return own_parent(uuid4().hex, kind, self._session)

    # Requests to execute

    def parent(self, execution_id: str, event: Submitted | None = None) -> Parent:
        """Return the request of an execution; one that no client of this API has made is made up, from ``event``."""
        if (known := self._parents.get(execution_id)) is None:
            is_comm = event is not None and event.comm
            header = own_parent(execution_id, "comm_msg" if is_comm else "execute_request", self._session)
            known = Parent(header, "") if event is None else Parent(header, event.code, event.silent or is_comm)
            self.remember(execution_id, known)
        return known

    def remember(self, execution_id: str, parent: Parent) -> None:
        """Keep the request of an execution; of too many the oldest is dropped."""
        self._drop(execution_id)
        self._parents[execution_id] = parent
        self._parents_bytes += parent.size_bytes
        while len(self._parents) > PARENTS_LIMIT or (
            self._parents_bytes > PARENTS_LIMIT_BYTES and len(self._parents) > 1
        ):
            self._drop(next(iter(self._parents)))

    def _drop(self, execution_id: str) -> None:
        if (dropped := self._parents.pop(execution_id, None)) is not None:
            self._parents_bytes -= dropped.size_bytes

    # The life of its Python

    async def exists(self) -> bool:
        """Return whether its context has not been deleted."""
        try:
            await self.service.get(self.context_id)
        except ContextNotFound:
            return False
        return True

    async def restart(self) -> None:
        """Give it a new Python, as a client has asked. Raises as the port."""
        info = await self.service.get(self.context_id)
        planned = info.state in ("idle", "busy")
        try:
            await self.service.restart(self.context_id, cancel_queued=True)
        except InterpreterError:
            self._failed = True
            await self.tell_all(status("dead"))
            raise
        was_dead, self._failed = self._failed, False
        if was_dead and not planned:
            await self.tell_all(*self._begun())

    async def after_end(self, end: WorkerEnded) -> list[Outgoing]:
        """Return what a client is told of the end of its Python, and of the new one, once that is there.

        An end that was not asked for is a death: a new Python is started at once.
        """
        if end.asked:
            parent = self.own_parent("shutdown_request")
            stopped = reply(CONTROL, "shutdown_reply", {"status": "ok", "restart": True}, parent)
            return [*answered(stopped), *self._begun()]
        await self.revive()
        return [status("dead")] if self._failed else self._begun()

    async def revive(self) -> None:
        """Start a new Python, if there is none."""
        if self._coming is None:
            loop = asyncio.get_running_loop()
            self._coming = supervised(loop, self._start(), _log, "kernel %s could not be started", self.context_id)
            self._coming.add_done_callback(self._has_come)
        await asyncio.shield(self._coming)

    async def _start(self) -> None:
        try:
            if (await self.service.get(self.context_id)).state == "dead":
                await self.service.restart(self.context_id)
            self._failed = False
        except InterpreterError as error:
            _log.warning("kernel %s has no Python: %s", self.context_id, error)
            self._failed = True

    def _has_come(self, _: "asyncio.Task[None]") -> None:
        self._coming = None

    def _begun(self) -> list[Outgoing]:
        """Return what a new Python says first."""
        parent = self.own_parent("kernel_info_request")
        return [status("starting"), status("busy", parent), status("idle", parent)]

    async def tell_all(self, *messages: Outgoing) -> None:
        """Tell every connected client."""
        await asyncio.gather(*(session.tell(*messages) for session in self.sessions.values() if session.connected))
