"""The records of contexts in the daemon's state backend, which keeps each of them whole.

A thread of its own does all work on them, one after the other: so a removal is the last word about a context.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from interpreterd.contexts.ids import new_id
from interpreterd.contexts.state.records import BadRecord, ContextRecord, parse_record, record_body

_AT: Final = "_at_"  # ids are uuids, or that of a default context, in which a tenant's name follows
_HANDED: Final = "handed."  # begins the names of records that are not of contexts
_HANDED_AT_ONCE: Final = 5000  # names in one of them
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class RecordBackend(Protocol):
    """Where records are: the part of ``backends.StateBackend`` that is about them. All methods block."""

    @property
    def is_owner(self) -> bool: ...
    def write_record(self, name: str, value: Any) -> None: ...
    def records(self) -> dict[str, Any]: ...
    def record_names(self) -> Collection[str]: ...
    def record(self, name: str) -> Any: ...
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

    @property
    def is_owner(self) -> bool:
        """Whether no other daemon uses the backend; see ``handover``."""
        return self._backend.is_owner

    async def names(self) -> set[str]:
        """Return the names of all records of contexts, by ``name_of`` their ids; of those too that cannot be used."""
        return {it for it in await self._do(self._backend.record_names) if not it.startswith(_HANDED)}

    async def hand_over(self, context_ids: Sequence[str]) -> None:
        """Leave these contexts to the daemon that replaces this one; nothing is written about them any more."""
        for at in range(0, len(context_ids), _HANDED_AT_ONCE):
            names = [name_of(it) for it in context_ids[at : at + _HANDED_AT_ONCE]]
            await self._do(partial(self._backend.write_record, _HANDED + new_id(), names))

    async def handed(self) -> tuple[set[str], list[ContextRecord]]:
        """Take what the former daemon has left to this one since the last time: names, and the records of these."""
        return await self._do(self._take_handed)

    def _take_handed(self) -> tuple[set[str], list[ContextRecord]]:
        names: set[str] = set()
        for handover in [it for it in self._backend.record_names() if it.startswith(_HANDED)]:
            told = self._backend.record(handover)
            names.update(it for it in told or () if isinstance(it, str))
            self._backend.delete_record(handover)
        return names, self._parsed({name: self._backend.record(name) for name in names})

    async def close(self) -> None:
        """Finish what has been asked for; ask for nothing afterwards."""
        await self._do(lambda: None)
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], _T]) -> _T:
        # Shielded: the caller may go away, and the order of what follows is that of the requests.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _read(self) -> list[ContextRecord]:
        return self._parsed({name: it for name, it in self._backend.records().items() if not name.startswith(_HANDED)})

    def _parsed(self, bodies: Mapping[str, Any]) -> list[ContextRecord]:
        found = []
        for name, body in bodies.items():
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
