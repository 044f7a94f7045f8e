"""What one context has done so far, in numbers; and the place where its executions and workers are counted and told of.

A worker's end has one of these reasons:

    exit          it ended itself: exit(), os._exit(), an unhandled exception of its own
    signal        a signal that the daemon did not send has killed it, a crash for example
    interrupt     an execution did not end when it was interrupted, or timed out
    limit         it exceeded a limit, such as its memory
    protocol      it broke the protocol of its channel
    restart       a client asked for a new worker
    hibernation   its context hibernates
    deleted       its context was deleted, or has expired
    shutdown      the daemon ended
"""

from collections.abc import Mapping
from typing import Final

from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.machine import inputs
from interpreterd.model.digest import utf8_bytes
from interpreterd.model.errors import InterpreterError, ServerShuttingDown
from interpreterd.model.events import Stream
from interpreterd.monitoring.counts import COUNTS
from interpreterd.monitoring.happenings import HAPPENINGS

DISPLAY_STREAM: Final = "display"
_SIGNAL: Final = "killed by"
_KILLS: Final[Mapping[type[inputs.Input], str]] = {
    inputs.Broken: "protocol",
    inputs.Received: "protocol",
    inputs.Exceeded: "limit",
    inputs.TimerFired: "interrupt",
    inputs.Restart: "restart",
    inputs.Hibernate: "hibernation",
}


class Tally:
    """The numbers of one context, over all of its workers. Executions that clients may not list do not count.

    Attributes:
        tenant: Whose the context is.
        listed: Whether clients find the context, see ``CreateContext``.
        directories: Its working directory, and those that are its own.
        outcomes: How many executions have ended, by outcome.
        raised: How many of them had an exception or an error.
        running_s: The time in which ended executions ran. Likewise ``queued_s``, in which they waited.
        output_bytes: UTF-8 of all output, and of output data.
        restarts: How often the context has got a new worker, by the reason for which the one before had ended.
        why: The reason for which the worker is about to end, if the daemon knows it.
    """

    __slots__ = (
        "_context_id",
        "_is_created",
        "_last_end",
        "directories",
        "listed",
        "outcomes",
        "output_bytes",
        "queued_s",
        "raised",
        "restarts",
        "running_s",
        "tenant",
        "why",
    )

    def __init__(self, context_id: str, *, listed: bool = True, tenant: str = "") -> None:
        self._context_id = context_id
        self.tenant = tenant
        self.listed = listed
        self.directories: tuple[str, ...] = ()
        self._is_created = False
        self._last_end = ""
        self.outcomes: dict[str, int] = {}
        self.raised = 0
        self.running_s = 0.0
        self.queued_s = 0.0
        self.output_bytes = 0
        self.restarts: dict[str, int] = {}
        self.why = ""

    def wrote(self, execution: ExecutionRecord | None, stream: Stream, text: str) -> None:
        """The worker has written ``text``."""
        self.add_output(execution, stream, len(text) if text.isascii() else utf8_bytes(text))

    def add_output(self, execution: ExecutionRecord | None, stream: str, size_bytes: int) -> None:
        """The worker has written ``size_bytes``, perhaps while nothing runs; ``stream`` may be ``DISPLAY_STREAM``."""
        self.output_bytes += size_bytes
        COUNTS.output_bytes[stream] += size_bytes
        if execution is not None:
            execution.note_bytes(size_bytes)

    def ended(self, execution: ExecutionRecord) -> None:
        """Count an execution that has ended, whether it has run or not; each one passes here, so this is quick."""
        outcome, started_at, finished_at = execution.state, execution.started_at, execution.finished_at
        assert finished_at is not None
        outcomes, counts = self.outcomes, COUNTS
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        counts.executions[self.tenant, outcome] += 1
        if execution.error is not None:
            self.raised += 1
            counts.raised[self.tenant] += 1
        if started_at is None:
            self.queued_s += finished_at - execution.created_at
            return
        queued_s, running_s = started_at - execution.created_at, finished_at - started_at
        self.queued_s += queued_s
        self.running_s += running_s
        counts.queue.observe(queued_s)
        counts.execution.observe(running_s)
        if execution.first_output_at is not None:
            counts.first_output.observe(execution.first_output_at - started_at)

    def created(self, seconds: float | None = None) -> None:
        """The context has been made, by its first use, or ``seconds`` after the request for it."""
        self._is_created = True
        COUNTS.contexts_created += 1
        if seconds is not None:
            COUNTS.creation.observe(seconds)
        HAPPENINGS.happened("context.created", self._context_id, self.tenant, listed=self.listed)

    def worker_started(self, pid: int, seconds: float) -> None:
        """The context has a worker, ``seconds`` after it wished for one."""
        COUNTS.workers_started += 1
        COUNTS.worker_start.observe(seconds)
        self.why = ""
        reason, self._last_end = self._last_end, ""
        if reason:
            self.restarts[reason] = self.restarts.get(reason, 0) + 1
        fields = {"restartedAfter": reason} if reason else {}
        HAPPENINGS.happened(
            "worker.started", self._context_id, self.tenant, pid=pid, seconds=round(seconds, 6), **fields
        )

    def worker_failed(self) -> None:
        """A worker could not be started."""
        COUNTS.worker_start_failures += 1
        HAPPENINGS.happened("worker.failed", self._context_id, self.tenant)

    def worker_ended(self, how: str, *, asked: bool) -> str:
        """The worker has ended: ``how`` says it in words; ``asked`` if a client wanted it to. Return the reason."""
        reason = self.why or ("restart" if asked else "signal" if how.startswith(_SIGNAL) else "exit")
        self._last_end, self.why = reason, ""
        COUNTS.worker_deaths[reason] += 1
        HAPPENINGS.happened("worker.ended", self._context_id, self.tenant, reason=reason, how=how)
        return reason

    def killed(self, because: inputs.Input) -> None:
        """The worker is killed because of an input of the machine; only the first reason counts."""
        self.why = self.why or _KILLS.get(type(because), "")

    def closed(self, cause: InterpreterError) -> InterpreterError:
        """The context ends now because of ``cause``, which is returned, and so will its worker."""
        self.why = "shutdown" if isinstance(cause, ServerShuttingDown) else "deleted"
        if self._is_created:
            self._is_created = False
            COUNTS.contexts_deleted += 1
            HAPPENINGS.happened("context.deleted", self._context_id, self.tenant, reason=cause.code)
        return cause
