"""What happens to contexts and executions, for those who write it down: the log, the audit log, traces."""

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from interpreterd.model.caller import ClientRequest
from interpreterd.model.failures import Failure
from interpreterd.model.requests import Execute


class NotedSource(Protocol):
    """What a record tells of its code."""

    @property
    def sha256(self) -> str: ...


class NotedExecution(Protocol):
    """An execution, as far as sinks may know it; ``contexts.executions.ExecutionRecord`` has the meanings."""

    @property
    def id(self) -> str: ...
    @property
    def context_id(self) -> str: ...
    @property
    def source(self) -> NotedSource: ...
    @property
    def origin(self) -> str: ...
    @property
    def caller(self) -> ClientRequest | None: ...
    @property
    def tenant(self) -> str: ...
    @property
    def kept(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def created_at(self) -> float: ...
    @property
    def started_at(self) -> float | None: ...
    @property
    def first_output_at(self) -> float | None: ...
    @property
    def finished_at(self) -> float | None: ...
    @property
    def output_bytes(self) -> int: ...
    @property
    def error(self) -> Failure | None: ...


@frozen(kw_only=True, eq=False, repr=False)
class Happening:
    """An event in the life of a context or of the daemon.

    Attributes:
        name: ``context.created``, ``context.deleted``, ``worker.started``, ``worker.ended``, ``request.refused`` …
        at: In seconds since the epoch.
        context_id: Empty if it is about no context.
        fields: What else is to be said: short texts and numbers, never code, output, variables or tokens.
    """

    name: str
    at: float
    context_id: str = ""
    fields: Mapping[str, str | int | float | bool] = {}
    caller: ClientRequest | None = None
    tenant: str = ""


class Sink(Protocol):
    """Writes down what happens. It is called on the event loop's thread, and must neither wait nor raise."""

    def submitted(self, run: NotedExecution, request: Execute) -> None:
        """An execution has been accepted."""

    def begun(self, run: NotedExecution) -> None:
        """An execution runs now."""

    def ended(self, run: NotedExecution) -> None:
        """An execution has ended."""

    def happened(self, happening: Happening) -> None:
        """Something else has happened."""
