"""Executions as resources: an id, a record and a journal for each; and the register of all executions."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from interpreterd.contexts.holdings import Holdings, held_bytes
from interpreterd.contexts.journal import Journal
from interpreterd.contexts.ledger import Ledger, TenantLedger
from interpreterd.contexts.sources import Source, source_of
from interpreterd.model.accounts import Account
from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.events import Event, Failure, Outcome, Stream
from interpreterd.model.execution_info import ExecutionInfo
from interpreterd.model.requests import Execute
from interpreterd.monitoring.counts import COUNTS

KEPT_PER_CONTEXT: Final = 100  # ended executions
KEPT_OF_DELETED: Final = 100  # ended executions, of all deleted contexts
RECORD_BYTES: Final = 2048  # the memory of an execution besides its events


@define(eq=False)
class ExecutionRecord:
    """The record of one run of one piece of code, which clients may look up.

    Attributes:
        journal: Its events.
        source: What is told of its code.
        state: ``queued``, ``running``, or how it ended: ``completed``, ``interrupted``, ``lost``, ``cancelled``.
        created_at: Seconds since the epoch, as the other times.
        stdout_chars: How many characters were written so far.
        held_bytes: The memory of its request until it ends.
        hidden: Whether it is a look at the namespace, of which only its own client knows.
        kept: Whether it is kept when it has ended.
        counts: See ``Execute``.
        execution_count: See ``Started``; None before it runs. Likewise ``worker_count``.
        calls_host: Whether it has host functions.
        unattended: Whether it was started without a client.
        account: What its tenant uses; it counts there until it has ended, unless it is hidden.
        caller: The client's request.
        output_bytes: UTF-8 of its output, and of output data.
    """

    id: str
    context_id: str
    journal: Journal[Event]
    source: Source
    origin: str
    account: Account
    held_bytes: int = 0
    hidden: bool = False
    kept: bool = True
    counts: bool = True
    execution_count: int | None = None
    worker_count: int | None = None
    calls_host: bool = False
    unattended: bool = False
    caller: ClientRequest | None = None
    output_bytes: int = 0
    first_output_at: float | None = None
    state: str = "queued"
    created_at: float = field(factory=time.time)
    started_at: float | None = None
    finished_at: float | None = None
    error: Failure | None = None
    stdout_chars: int = 0
    stderr_chars: int = 0

    @property
    def tenant(self) -> str:
        """The name of the tenant that it counts for."""
        return self.account.tenant

    @property
    def ended(self) -> bool:
        """Whether its last event is there."""
        return self.journal.ended

    def append(self, event: Event) -> None:
        """Add an event to its journal, and update the record."""
        event.note(self)
        self.journal.append(event, last=event.is_last)

    def note_begin(self) -> None:
        """See ``events.Record``; so do the other two."""
        self.state = "running"
        if not self.hidden:
            self.account.running += 1
        self.started_at = time.time()

    def note_output(self, stream: Stream, chars: int) -> None:
        if stream is Stream.STDOUT:
            self.stdout_chars += chars
        else:
            self.stderr_chars += chars

    def note_bytes(self, size_bytes: int) -> None:
        """It has written output of ``size_bytes``, or output data."""
        if self.first_output_at is None:
            self.first_output_at = time.time()
        self.output_bytes += size_bytes

    def note_end(self, outcome: Outcome, error: Failure | None) -> None:
        if self.started_at is not None and not self.hidden:
            self.account.running -= 1
        self.state = outcome.value
        self.error = error
        self.finished_at = time.time()

    def info(self) -> ExecutionInfo:
        """Return the record as clients see it."""
        return ExecutionInfo(
            id=self.id,
            context_id=self.context_id,
            state=self.state,
            code_sha256=self.source.sha256,
            first_line=self.source.first_line,
            origin=self.origin,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            error=self.error,
            stdout_chars=self.stdout_chars,
            stderr_chars=self.stderr_chars,
            first_event=self.journal.first,
            events=self.journal.next,
        )


class Executions:
    """The register of all executions. Also the ledger of their journals.

    It keeps executions that have not ended, the latest ``KEPT_PER_CONTEXT`` ended ones of each context and the latest
    ``KEPT_OF_DELETED`` of deleted contexts. Beyond ``limit_bytes`` it drops the oldest ended execution first; if there
    is none, the execution that grows loses its own oldest events.

    Attributes:
        held: The memory of the requests of all executions that have not ended.
    """

    def __init__(self, *, limit_bytes: int, journal_limit_bytes: int, held_limit_bytes: int = sys.maxsize) -> None:
        """Keep ``limit_bytes`` in all, and ``journal_limit_bytes`` of events for each execution."""
        self.held = Holdings(held_limit_bytes, "all contexts together hold")
        self._limit_bytes = limit_bytes
        self.journal_limit_bytes = journal_limit_bytes
        self._bytes = 0
        self._all: dict[str, ExecutionRecord] = {}
        self._ended: dict[str, ExecutionRecord] = {}  # in the order of their ends
        self._of_context: dict[str, dict[str, ExecutionRecord]] = {}
        self._of_deleted: dict[str, ExecutionRecord] = {}

    @property
    def bytes(self) -> int:
        """The memory of all records and journals, roughly."""
        return self._bytes

    def new(
        self,
        execution_id: str,
        context_id: str,
        request: Execute,
        *,
        backlog_bytes: int,
        on_room: Callable[[], None] | None,
        held: Holdings,
        kept: bool = True,
        account: Account | None = None,
    ) -> ExecutionRecord:
        """Register a new execution; with ``on_room`` it has a client, which reads its journal.

        A look is not registered: only its client knows it. One that is not ``kept`` is forgotten when it has ended.

        Raises:
            LimitReached: ``held``, to which its request is added, has no room.
        """
        source, code_bytes = source_of(request)
        size_bytes = held_bytes(request, code_bytes)
        held.take(size_bytes)
        hidden = request.task is not None
        journal: Journal[Event] = Journal(
            limit_bytes=self.journal_limit_bytes,
            backlog_bytes=backlog_bytes,
            on_room=on_room,
            ledger=None if hidden else self.ledger_of(account),
        )
        execution = ExecutionRecord(
            id=execution_id,
            context_id=context_id,
            journal=journal,
            source=source,
            origin=request.origin,
            account=account or Account(""),
            held_bytes=size_bytes,
            hidden=hidden,
            kept=kept,
            counts=request.counts,
            calls_host=bool(request.functions),
            unattended=on_room is None,
            caller=CALLER.get(),
        )
        if not hidden:
            execution.account.unfinished += 1
            if kept:
                COUNTS.code_bytes += code_bytes
            self._all[execution_id] = execution
            self.charge(journal, RECORD_BYTES)
        return execution

    def get(self, execution_id: str) -> ExecutionRecord | None:
        """Return an execution, or None if it is unknown or forgotten."""
        return self._all.get(execution_id)

    def ended(self, execution: ExecutionRecord) -> None:
        """``execution`` has ended."""
        if execution.hidden:
            return
        execution.account.unfinished -= 1
        if not execution.kept:
            self._forget(execution)
            return
        self._ended[execution.id] = execution
        latest = self._of_context.setdefault(execution.context_id, {})
        latest[execution.id] = execution
        if len(latest) > KEPT_PER_CONTEXT:
            self._forget(next(iter(latest.values())))

    def latest(self, context_id: str) -> list[ExecutionRecord]:
        """Return the ended executions of a context that are kept, newest first."""
        return list(self._of_context.get(context_id, {}).values())[::-1]

    def context_deleted(self, context_id: str) -> None:
        """This context is deleted: all its executions have ended, and no more come."""
        self._of_deleted |= self._of_context.pop(context_id, {})
        while len(self._of_deleted) > KEPT_OF_DELETED:
            self._forget(next(iter(self._of_deleted.values())))

    def ledger_of(self, account: Account | None) -> Ledger:
        """Return the ledger for journals of a tenant."""
        if account is None or account.rules.quotas.journal_bytes is None:
            return self
        return TenantLedger(self, account)

    def forget_oldest(self, account: Account) -> bool:
        """Forget the execution of a tenant that ended first; return whether there was one."""
        oldest = next((it for it in self._ended.values() if it.account is account), None)
        if oldest is not None:
            self._forget(oldest)
        return oldest is not None

    def charge(self, journal: Journal[Any], change_bytes: int) -> None:
        """See ``Ledger``."""
        self._bytes += change_bytes
        if change_bytes < 0:
            return
        while self._bytes > self._limit_bytes and self._ended:
            self._forget(next(iter(self._ended.values())))
        if self._bytes > self._limit_bytes:
            journal.trim(max(0, journal.bytes - (self._bytes - self._limit_bytes)))

    def _forget(self, execution: ExecutionRecord) -> None:
        for register in (self._all, self._ended, self._of_deleted, self._of_context.get(execution.context_id, {})):
            register.pop(execution.id, None)
        self._bytes -= RECORD_BYTES
        execution.journal.release()
