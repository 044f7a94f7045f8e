"""What is kept of a context that rests, and what keeps it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from interpreterd.model.archives import Skipped
from interpreterd.workers.worker import Worker

if TYPE_CHECKING:
    from interpreterd.contexts.context import Context


@frozen
class Moment:
    """How much has happened in a context.

    Attributes:
        changes: A number that grows with each execution, and whatever else changes variables.
        begun: See ``Origin``; likewise ``count`` and ``count_before``.
    """

    changes: int = 0
    begun: int = 0
    count: int = 0
    count_before: int = 0


@frozen
class Rest:
    """An archive of a context at rest.

    Attributes:
        archive_id: None for a context in which nothing has happened.
        skipped: What it does not have.
        size_bytes: Of its file; 0 if that is not known.
    """

    archive_id: str | None = None
    skipped: tuple[Skipped, ...] = ()
    moment: Moment = Moment()
    size_bytes: int = 0


class Keeping(Protocol):
    """What ``Hibernation`` needs of the daemon: ``survival.Survival``."""

    archive_after_s: float
    hibernate_after_s: float | None
    tasks: asyncio.TaskGroup

    async def save(self, context: "Context", worker: Worker) -> Rest:
        """Return a new archive of ``worker``, which runs nothing; its moment is the caller's to know.

        Raises:
            InterpreterError
        """
        ...

    async def load(self, context: "Context", worker: Worker, archive_id: str) -> tuple[Skipped, ...]:
        """Give ``worker`` an archive's variables; return what is missing. Raises ``InterpreterError``."""
        ...

    async def copy(self, worker: Worker) -> Worker:
        """Return a copy of ``worker``, which runs nothing, only to be archived. Raises ``InterpreterError``."""
        ...

    async def lost(self, context: "Context", worker: Worker) -> Sequence[tuple[str, str]]:
        """Return what ends with ``worker`` and no archive has, such as threads: names, with reasons."""
        ...

    async def discard(self, archive_id: str) -> None:
        """Remove an archive; a failure is only logged."""
        ...

    async def write_record(self, context: "Context") -> None:
        """Write the record of a persistent context. Raises ``InterpreterError``."""
        ...
