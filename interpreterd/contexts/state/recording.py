"""The records of contexts in the daemon's state backend, which keeps each of them whole.

A thread of its own does all work on them, one after the other: so a removal is the last word about a context.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from interpreterd.contexts.state.records import BadRecord, ContextRecord, parse_record, record_body

_AT: Final = "_at_"  # ids are uuids, or that of a default context, in which a tenant's name follows
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class RecordBackend(Protocol):
    """Where records are: the part of ``backends.StateBackend`` that is about them. All methods block."""

    def write_record(self, name: str, value: Any) -> None: ...
    def records(self) -> dict[str, Any]: ...
    def delete_record(self, name: str) -> bool: ...


class Recording:
    """Writes, reads and removes records; each method raises ``InterpreterError`` of the backend."""

    def __init__(self, backend: RecordBackend) -> None:
        """Use ``backend``, which stays the caller's."""
        self._backend = backend
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")

    async def read(self) -> list[ContextRecord]:
        """Return all records that can be used, the oldest context first. Each other one is logged, and stays."""
        return await self._do(self._read)

    async def write(self, record: ContextRecord) -> None:
        """Write a record in place of the context's former one; it is on disk then."""
        await self._do(lambda: self._backend.write_record(name_of(record.id), record_body(record)))

    async def remove(self, context_id: str) -> None:
        """Remove the record of a context, if it has one; it is gone from disk then."""
        await self._do(lambda: self._backend.delete_record(name_of(context_id)))

    async def close(self) -> None:
        """Finish what has been asked for; ask for nothing afterwards."""
        await self._do(lambda: None)
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], _T]) -> _T:
        # Shielded: the caller may go away, and the order of what follows is that of the requests.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _read(self) -> list[ContextRecord]:
        found = []
        for name, body in self._backend.records().items():
            try:
                record = parse_record(body)
                if name_of(record.id) != name:
                    raise BadRecord(f"it is of another context, {record.id}")
            except BadRecord as error:
                _log.error("the context with the record %s is not offered: %s", name, error)
            else:
                found.append(record)
        return sorted(found, key=lambda record: record.created_at)


def name_of(context_id: str) -> str:
    """Return the name of a context's record, which a file may have."""
    return context_id.replace("@", _AT)
