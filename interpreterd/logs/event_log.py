"""A line in the log for each execution that has ended, and for each event in the life of a context.

It goes around ``logging``, whose throttle would leave lines out, and which costs five times as much. Lines are made and
written some milliseconds later, many at once. They name contexts, executions, tenants and requests; they never have
code, output, variables or tokens in them, nor anything that code or a client has named.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from interpreterd.logs.lines import Lines
from interpreterd.logs.settings import LogSettings
from interpreterd.model.happenings import Happening, NotedExecution
from interpreterd.model.requests import Execute

WRITTEN_AFTER_S: Final = 0.02
BATCH_LIMIT: Final = 500
LOGGER: Final = "interpreterd.events"
_TRACE_ID: Final = slice(3, 35)  # of a traceparent


def tells_events(settings: LogSettings) -> bool:
    """Return whether there are to be such lines."""
    is_wanted = settings.log_events == "on" or (settings.log_events == "auto" and settings.log_format == "json")
    return is_wanted and settings.log_level in ("debug", "info")


class EventLog:
    """A sink of ``Happenings`` that writes to ``lines``."""

    def __init__(self, lines: Lines, *, as_json: bool) -> None:
        """Write JSON or text to ``lines``, which stay the caller's."""
        self._lines = lines
        self._form = _as_json if as_json else _as_text
        self._batch: list[tuple[float, str, dict[str, Any]]] = []
        self._due: asyncio.TimerHandle | None = None

    def submitted(self, run: NotedExecution, request: Execute) -> None:
        """See ``Sink``: an execution has one line, when it has ended. So do the other methods."""

    def begun(self, run: NotedExecution) -> None:
        pass

    def ended(self, run: NotedExecution) -> None:
        fields = {"contextId": run.context_id, "executionId": run.id, **_asked(run.caller, run.tenant)}
        fields["outcome"] = run.state
        fields["raised"] = run.error is not None
        finished_at = run.finished_at or run.created_at
        began_at = finished_at if run.started_at is None else run.started_at
        fields["queuedSeconds"] = round(began_at - run.created_at, 6)
        fields["runningSeconds"] = round(finished_at - began_at, 6)
        fields["outputBytes"] = run.output_bytes
        self._add(finished_at, "execution.ended", fields)

    def happened(self, happening: Happening) -> None:
        about = {"contextId": happening.context_id} if happening.context_id else {}
        fields = {**about, **_asked(happening.caller, happening.tenant), **happening.fields}
        self._add(happening.at, happening.name, fields)

    def flush(self) -> None:
        """Give everything to the lines now."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        batch, self._batch = self._batch, []
        for at, name, fields in batch:
            self._lines.put(self._form(at, name, fields))

    def _add(self, at: float, name: str, fields: dict[str, Any]) -> None:
        self._batch.append((at, name, fields))
        if len(self._batch) >= BATCH_LIMIT:
            self.flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(WRITTEN_AFTER_S, self.flush)


def _asked(caller: Any, tenant: str) -> dict[str, Any]:
    """Return the keys of a request and a tenant, those that are known."""
    fields: dict[str, Any] = {}
    if tenant:
        fields["tenant"] = tenant
    if caller is not None:
        fields["requestId"] = caller.request_id
        if caller.traceparent:
            fields["traceId"] = caller.traceparent[_TRACE_ID]
    return fields


def _as_json(at: float, name: str, fields: dict[str, Any]) -> str:
    head = {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": LOGGER,
        "message": name,
    }
    return orjson.dumps({**head, **fields}).decode()


def _as_text(at: float, name: str, fields: dict[str, Any]) -> str:
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    said = " ".join(f"{key}={_word(value)}" for key, value in fields.items())
    return f"{day},{int(at % 1 * 1000):03d} INFO {LOGGER}: {name} {said}"


def _word(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return orjson.dumps(text).decode() if not text or " " in text or not text.isprintable() else text
