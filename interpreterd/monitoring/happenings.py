"""The one place where it is told what happens. Without a sink, that costs a look at an empty tuple."""

import time
from collections.abc import Callable
from typing import Any, Final

from interpreterd.model.caller import CALLER
from interpreterd.model.errors import InterpreterError
from interpreterd.model.happenings import Happening, NotedExecution, Sink
from interpreterd.model.identity import CURRENT
from interpreterd.model.requests import Execute
from interpreterd.monitoring.counts import COUNTS, count_refusal


class Happenings:
    """Passes on what happens to all sinks.

    Attributes:
        sinks: Those that are told; empty if nothing is to be written down.
    """

    def __init__(self) -> None:
        self.sinks: tuple[Sink, ...] = ()
        self._gates: tuple[Callable[[], None], ...] = ()

    def add(self, sink: Sink, gate: Callable[[], None] | None = None) -> None:
        """Tell ``sink`` from now on. ``gate`` raises an ``InterpreterError`` while no new work may begin."""
        self.sinks = (*self.sinks, sink)
        if gate is not None:
            self._gates = (*self._gates, gate)

    def remove(self, sink: Sink, gate: Callable[[], None] | None = None) -> None:
        """Tell ``sink`` no more. Repeating it changes nothing."""
        self.sinks = tuple(it for it in self.sinks if it is not sink)
        self._gates = tuple(it for it in self._gates if it != gate)

    def check(self) -> None:
        """Raise if new work may not begin, because it could not be written down."""
        for gate in self._gates:
            gate()

    def submitted(self, run: NotedExecution, request: Execute) -> None:
        """See ``Sink``; so do the next two."""
        for sink in self.sinks:
            sink.submitted(run, request)

    def begun(self, run: NotedExecution) -> None:
        for sink in self.sinks:
            sink.begun(run)

    def ended(self, run: NotedExecution) -> None:
        for sink in self.sinks:
            sink.ended(run)

    def happened(self, name: str, context_id: str = "", tenant: str | None = None, **fields: Any) -> None:
        """Tell of something else: of ``tenant``, or the request's if None, and with the request of this task.

        What happens to a worker is called from anywhere, so it names no request.
        """
        if self.sinks:
            happening = Happening(
                name=name,
                at=time.time(),
                context_id=context_id,
                fields=fields,
                caller=None if name.startswith("worker.") else CALLER.get(),
                tenant=CURRENT.get().tenant if tenant is None else tenant,
            )
            for sink in self.sinks:
                sink.happened(happening)


HAPPENINGS: Final = Happenings()


def tell_refusal(error: InterpreterError) -> None:
    """A client is told ``error``. Repeating it for the same error changes nothing: it may pass several places."""
    if count_refusal(error):
        HAPPENINGS.happened("request.refused", reason=error.code)


def tell_http_refusal(reason: str) -> None:
    """A request is refused for a reason of HTTP itself: ``not_found``, ``method_not_allowed``; or by a mistake."""
    COUNTS.refusals[reason] += 1
    HAPPENINGS.happened("request.refused", reason=reason)
