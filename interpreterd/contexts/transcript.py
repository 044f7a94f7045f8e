"""The events of one context's executions: to the client of each, and to followers of the context."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from interpreterd.contexts.calls import Calls, ignore
from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.holdings import Holdings
from interpreterd.contexts.ids import new_id
from interpreterd.contexts.journal import Journal
from interpreterd.contexts.ledger import Ledger
from interpreterd.contexts.tally import DISPLAY_STREAM, Tally
from interpreterd.machine.effects import Finish
from interpreterd.machine.inputs import CallAnswered
from interpreterd.model import displays, events
from interpreterd.model.accounts import Account
from interpreterd.model.events import Event, Happened, Stream
from interpreterd.model.output_quota import OutputQuota
from interpreterd.model.requests import Execute
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.pipe.bundles import Bundle

_RESTARTED: Final[tuple[Event, ...]] = (events.Restarted(),)


class Transcript:
    """The executions of one context that have not ended, and the events of all.

    Attributes:
        running: The running execution.
        count: How many executions have started to run.
        last_used_at: When an execution was last submitted or ended.
        idle_at: When it was last in use, see ``in_use``, on the monotonic clock; out of date while it is.
        tally: Told of what happens to executions.
        of_new_worker: What executions are told of a worker that is not the context's first.
        end_asked: Whether a client has asked for a new worker, so that the end of the present one is no death.
    """

    def __init__(
        self,
        context_id: str,
        executions: Executions,
        *,
        backlog_bytes: int,
        output_limit_bytes: int | None,
        held_limit_bytes: int = sys.maxsize,
        call_grace_s: float = 0.0,
        on_full: Callable[[], None] = lambda: None,
        tally: Tally | None = None,
        account: Account | None = None,
    ) -> None:
        """Register executions with ``executions``, where they stay when they have ended if the context is listed.

        ``on_full`` is called with every event that finds it ``full``.
        """
        self.running: ExecutionRecord | None = None
        self.end_asked = False
        self.of_new_worker: tuple[Event, ...] = _RESTARTED
        self.count = 0
        self.last_used_at = time.time()
        self.idle_at = time.monotonic()
        self._context_id = context_id
        self._executions = executions
        self._account = account
        self._backlog_bytes = backlog_bytes
        self._output_limit_bytes = output_limit_bytes
        self._on_full = on_full
        self.tally = Tally(context_id) if tally is None else tally
        self._keeps = self.tally.listed
        self._held = Holdings(held_limit_bytes, "the context holds", within=executions.held)
        self._unfinished: dict[str, ExecutionRecord] = {}
        self._quota: OutputQuota | None = None  # of the running execution
        self._feed: Journal[Happened] | None = None
        self._ledger: Ledger = executions
        self._count_before = 0  # of earlier workers
        self._call_grace_s = call_grace_s
        self._calls: Calls | None = None  # until they are first asked for

    @property
    def full(self) -> bool:
        """Whether the running program has to wait for its client."""
        return self.running is not None and self.running.journal.full

    @property
    def feed(self) -> Journal[Happened]:
        """Everything that happens in the context, from the first use of this property on. It has no client."""
        if self._feed is None:
            self._ledger = self._executions.ledger_of(self._account)
            self._feed = Journal(limit_bytes=self._executions.journal_limit_bytes, ledger=self._ledger)
            self._feed.on_attendance = self._note_attendance
        return self._feed

    @property
    def in_use(self) -> bool:
        """Whether something runs, waits or is followed."""
        return bool(self._unfinished) or (self._feed is not None and self._feed.attended)

    def note_use(self) -> None:
        """A client has used the context, without an execution."""
        self.idle_at = time.monotonic()

    def _note_attendance(self) -> None:
        self.idle_at = time.monotonic()

    @property
    def counts(self) -> tuple[int, int]:
        """How many executions have started to run, and how many of them in earlier workers."""
        return self.count, self._count_before

    def go_on_from(self, count: int, count_before: int) -> None:
        """Count on from there."""
        self.count, self._count_before = count, count_before

    @property
    def calls(self) -> Calls:
        """The open calls of the running execution."""
        if self._calls is None:
            self._calls = Calls(held=self._held, grace_s=self._call_grace_s)
        return self._calls

    def tell_calls(self) -> None:
        """Tell the client of calls for which its journal had no room."""
        if self._calls is not None:
            self._calls.tell()

    def waits(self, execution_id: str | None) -> bool:
        """Whether this execution is in the queue."""
        return execution_id in self._unfinished and not self.runs(execution_id)

    def runs(self, execution_id: str | None) -> bool:
        """Whether this execution runs."""
        return self.running is not None and self.running.id == execution_id

    def unfinished(self) -> list[ExecutionRecord]:
        """Return the running execution and the waiting ones, in that order, as far as clients may list them."""
        return [it for it in self._unfinished.values() if not it.hidden and it.kept is self._keeps]

    def journals(self) -> list[Journal[Any]]:
        """Return those that are written to: of executions that have not ended, and of the context."""
        feed = [] if self._feed is None else [self._feed]
        return [*(it.journal for it in self._unfinished.values()), *feed]

    def new(self, request: Execute, *, on_room: Callable[[], None] | None) -> ExecutionRecord:
        """Return a new execution; with ``on_room``, see ``Journal``, it has a client, and the program waits for it.

        Raises:
            LimitReached: This context's executions, or all executions, would hold too much.
        """
        execution = self._executions.new(
            new_id(),
            self._context_id,
            request,
            backlog_bytes=self._backlog_bytes,
            on_room=on_room,
            held=self._held,
            kept=self._keeps and request.comm is None,
            account=self._account,
        )
        self._unfinished[execution.id] = execution
        if execution.hidden:
            return execution
        self.last_used_at = execution.created_at
        if HAPPENINGS.sinks:
            HAPPENINGS.submitted(execution, request)
        if self._feed is not None:
            is_comm = request.comm is not None
            submitted = events.Submitted.of(request.code, request.origin, silent=request.silent, comm=is_comm)
            self.tell(submitted, execution.id)
        return execution

    def queue(self, execution: ExecutionRecord) -> None:
        """Report that ``execution`` has to wait."""
        self._say(execution, events.Queued(ahead=list(self._unfinished).index(execution.id)))

    def begin(self, execution_id: str, *, restarted: bool, feed: Callable[[CallAnswered], None] = ignore) -> None:
        """Report that an execution runs now; its open calls ``feed`` answers that the daemon gives."""
        self.running = execution = self._unfinished[execution_id]
        self.count += execution.counts
        if self._output_limit_bytes is not None:
            self._quota = OutputQuota(self._output_limit_bytes)
        execution.execution_count, execution.worker_count = self.count, self.count - self._count_before
        self._say(execution, events.Started(execution_count=self.count, worker_count=execution.worker_count))
        for event in self.of_new_worker if restarted else ():
            self._say(execution, event)
        if HAPPENINGS.sinks and not execution.hidden:
            HAPPENINGS.begun(execution)
        if execution.calls_host:
            self.calls.begin(execution, self.say, feed)

    def write(self, stream: Stream, text: str, replaced: int = 0) -> None:
        """Take output; of an execution only as much as it may still write."""
        if self._quota is not None and not (text := self._quota.admit(stream, text)):
            return
        self.tally.wrote(self.running, stream, text)
        self.say(events.Output(stream=stream, text=text, replaced=replaced))

    def show(self, bundle: Bundle) -> None:
        """Take output data; of an execution only as much as it may still write."""
        size_bytes = displays.size_bytes(bundle.data)
        if self._quota is not None and not self._quota.admit_whole(size_bytes):
            return
        self.tally.add_output(self.running, DISPLAY_STREAM, size_bytes)
        event = bundle.event
        match bundle.kind:
            case _ if event is not None:
                pass
            case "result":
                event = displays.Result(data=bundle.data, metadata=bundle.metadata, execution_count=self.count)
            case "update":
                assert bundle.display_id is not None
                event = displays.UpdateDisplay(data=bundle.data, metadata=bundle.metadata, display_id=bundle.display_id)
            case "clear":
                event = displays.ClearOutput(wait=bundle.wait)
            case _:
                event = displays.Display(
                    data=bundle.data, metadata=bundle.metadata, display_id=bundle.display_id, page=bundle.page
                )
        self.say(event)

    def say(self, event: Event) -> None:
        """Take an event of the running execution. Events while nothing runs go only to the context's followers."""
        if self.running is None:
            self.tell(event)
        else:
            self._say(self.running, event)

    def ask(self, execution_id: str, prompt: str, *, password: bool) -> bool:
        """Report that the code waits for input; return False if there is no client."""
        execution = self._unfinished[execution_id]
        if not execution.journal.has_client:
            return False
        self._say(execution, events.InputRequest(prompt=prompt, password=password))
        return True

    def finish(self, end: Finish) -> None:
        """Report how an execution ended, and forget it."""
        execution = self._unfinished.pop(end.execution_id)
        self._held.give_back(execution.held_bytes)
        if execution is self.running:
            if self._quota is not None:
                for marker in self._quota.close():
                    self._say(execution, marker)
            self.running = self._quota = None
            if execution.calls_host:
                self.calls.finish()
        if end.error is not None:
            self._say(execution, events.Raised(error=end.error))
        finished = events.Finished(
            outcome=end.outcome,
            error=end.error,
            cause=end.cause,
            found=end.found,
            files=end.files,
            execution_count=execution.execution_count,
            worker_count=execution.worker_count,
        )
        self._say(execution, finished)
        if not execution.hidden:
            self.last_used_at = execution.finished_at or self.last_used_at
            if execution.kept:
                self.tally.ended(execution)
            if HAPPENINGS.sinks:
                HAPPENINGS.ended(execution)
        self.idle_at = time.monotonic()
        self._executions.ended(execution)

    def end_worker(self, how: str) -> str:
        """The worker has ended; the next one counts from 1. Return the reason, see ``tally``."""
        self._count_before = self.count
        reason = self.tally.worker_ended(how, asked=self.end_asked)
        self.tell(events.WorkerEnded(how=how, asked=self.end_asked))
        self.end_asked = False
        return reason

    def close(self) -> None:
        """No more events come; the followers come to the end."""
        if self._feed is not None and not self._feed.ended:
            self._feed.close()
            self._ledger.charge(self._feed, -self._feed.bytes)  # it is freed with its last follower

    def tell(self, event: Event, execution_id: str | None = None) -> None:
        """Give an event to the context's followers only."""
        if self._feed is not None and not self._feed.ended:
            self._feed.append(Happened(execution_id=execution_id, event=event))

    def _say(self, execution: ExecutionRecord, event: Event) -> None:
        if execution.hidden:  # what is written meanwhile is written outside of executions, by threads as before it
            if event.counts_as_backlog:
                self.tell(event)
            else:
                execution.append(event)
            return
        execution.append(event)
        self.tell(event, execution.id)
        if self.full:
            self._on_full()
