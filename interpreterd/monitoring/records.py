"""Everything that writes down what happens, opened and closed with the daemon."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from interpreterd.model.happenings import Sink
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.settings import MonitoringSettings


class FlushedSink(Sink, Protocol):
    """A sink that gathers before it writes."""

    def flush(self) -> None:
        """Write what is gathered."""


class AuditLogUnusable(Exception):
    """The audit log cannot be opened; says why, in a sentence that names the file."""


@contextlib.asynccontextmanager
async def written_down(
    settings: MonitoringSettings,
    event_log: FlushedSink | None,
    reloads: list[Callable[[], Awaitable[None]]],
    *,
    takes_over: bool = False,
) -> AsyncIterator[None]:
    """Write down what happens within the block, as ``settings`` say, and to ``event_log``; the audit log is rotated by
    ``reloads``. A daemon ``takes_over`` from another one that has not ended.

    Raises:
        AuditLogUnusable
    """
    async with contextlib.AsyncExitStack() as stack:
        if settings.audit_log:
            await stack.enter_async_context(_audited(settings, settings.audit_log, reloads, takes_over))
        if event_log is not None:
            HAPPENINGS.add(event_log)
            stack.callback(event_log.flush)
            stack.callback(HAPPENINGS.remove, event_log)
        yield


@contextlib.asynccontextmanager
async def _audited(
    settings: MonitoringSettings, path: str, reloads: list[Callable[[], Awaitable[None]]], takes_over: bool
) -> AsyncIterator[None]:
    from interpreterd.monitoring.audit_log import AuditLog  # a daemon without an audit log does not need it

    try:
        audit = AuditLog(
            path,
            keeps_code=settings.audit_code,
            refuses=settings.audit_failure == "refuse",
            takes_over=takes_over,
        )
    except BlockingIOError:
        raise AuditLogUnusable(f"the audit log {path} is in use by another daemon") from None
    except OSError as error:
        raise AuditLogUnusable(f"the audit log {path} cannot be opened: {error.strerror or error}") from None

    async def reopen() -> None:
        audit.reopen()

    reloads.append(reopen)
    HAPPENINGS.add(audit, audit.check)
    try:
        yield
    finally:
        HAPPENINGS.remove(audit, audit.check)
        await asyncio.to_thread(audit.close)
