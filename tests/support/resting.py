"""Contexts that rest, over fake workers: archives and records are in memory, and outlive a manager."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from fake_worker import FakeLauncher, FakeWorker
from soon import soon

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.hibernation import Hibernation
from interpreterd.contexts.state.keeping import Rest
from interpreterd.contexts.state.recording import Recording
from interpreterd.contexts.state.survival import Survival
from interpreterd.machine.states import State
from interpreterd.model.archives import Skipped
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Restarted
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.model.restored import Restored
from interpreterd.model.state_errors import ArchiveNotFound
from interpreterd.settings import Settings
from interpreterd.workers.worker import Worker


@define(eq=False)
class Disk:
    """What outlives managers. Also ``survival.Rests``, and a backend of records.

    Attributes:
        archives: By id, the variable of the worker at that moment.
        variables: The variable of each worker, by its pid: an execution sets it.
        skipped, losses: What the next archives do not have, and what ends with a worker.
        failure: What the next archives, loads and records raise.
        gate: Archives wait until it is set; ``saving`` is set when one waits.
        copies: Workers that were copied only to be archived.
        owner: Whether no other daemon uses it.
        log: What was done to archives and records, in order.
    """

    archives: dict[str, str] = field(factory=dict)
    records_: dict[str, Any] = field(factory=dict)
    variables: dict[int, str] = field(factory=dict)
    skipped: tuple[Skipped, ...] = ()
    losses: Sequence[tuple[str, str]] = ()
    failure: InterpreterError | None = None
    gate: asyncio.Event = field(factory=asyncio.Event)
    saving: asyncio.Event = field(factory=asyncio.Event)
    copies: list[FakeWorker] = field(factory=list)
    log: list[str] = field(factory=list)
    reading_fails: InterpreterError | None = None
    owner: bool = True
    _count: int = 0

    async def save(self, context: Context, worker: Worker) -> Rest:
        variable = self.variables.get(worker.pid, "")
        self.saving.set()
        await self.gate.wait()
        self._fail()
        self._count += 1
        archive_id = f"a{self._count}"
        self.archives[archive_id] = variable
        self.log.append(f"save {archive_id}")
        return Rest(archive_id, self.skipped)

    async def load(self, context: Context, worker: Worker, archive_id: str) -> tuple[Skipped, ...]:
        self._fail()
        if archive_id not in self.archives:
            raise ArchiveNotFound(archive_id)
        self.variables[worker.pid] = self.archives[archive_id]
        self.log.append(f"load {archive_id}")
        return self.skipped

    async def copy(self, worker: Worker) -> Worker:
        copy = FakeWorker(5000 + len(self.copies), answer=None)
        self.variables[copy.pid] = self.variables.get(worker.pid, "")
        self.copies.append(copy)
        return copy

    async def lost(self, context: Context, worker: Worker) -> Sequence[tuple[str, str]]:
        return self.losses

    async def remove(self, archive_id: str) -> None:
        self.archives.pop(archive_id, None)
        self.log.append(f"remove {archive_id}")

    async def keep_only(self, archive_ids: Iterable[str]) -> None:
        kept = set(archive_ids)
        self.archives = {name: it for name, it in self.archives.items() if name in kept}

    @property
    def is_owner(self) -> bool:
        return self.owner

    def record_names(self) -> Collection[str]:
        return list(self.records_)

    def record(self, name: str) -> Any:
        return self.records_.get(name)

    def write_record(self, name: str, value: Any) -> None:
        self._fail()
        self.records_[name] = value
        self.log.append(f"record {value['archive_id']}" if isinstance(value, dict) else "handed over")

    def records(self) -> dict[str, Any]:
        if self.reading_fails is not None:
            raise self.reading_fails
        return dict(self.records_)

    def delete_record(self, name: str) -> bool:
        self._fail()
        self.log.append("remove record")
        return self.records_.pop(name, None) is not None

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def new_disk() -> Disk:
    """Return an empty disk that does not wait."""
    disk = Disk()
    disk.gate.set()
    return disk


@contextlib.asynccontextmanager
async def open_resting(launcher: FakeLauncher, cwd: Path, disk: Disk, **settings: Any) -> AsyncIterator[Manager]:
    """Open a manager that keeps contexts on ``disk``."""
    chosen = Settings.of(cwd=str(cwd), state_dir="/unused", **settings)
    manager = Manager(chosen.contexts, chosen.workers, launcher)
    manager.survival = Survival(chosen.state, disk, Recording(disk))
    async with manager:
        yield manager


async def run(manager: Manager, launcher: FakeLauncher, disk: Disk, context_id: str, value: str) -> ExecutionRecord:
    """Run an execution that sets the variable of its worker; return it when it has ended."""
    context, execution = manager.submit(Execute(code=value, context_id=context_id), client=False)
    worker = await worker_of(context, launcher)
    told = await worker.run()
    disk.variables[worker.pid] = value
    worker.done(told)
    assert execution.ended
    return execution


async def worker_of(context: Context, launcher: FakeLauncher) -> FakeWorker:
    """Return the worker of a context, once it runs something."""
    await soon(lambda: context.worker_state is State.RUNNING)
    return next(it for it in launcher.workers if it.pid == context.pid)


async def made(manager: Manager, *, persistent: bool = True) -> tuple[Context, Hibernation]:
    """Return a new context, and its rest."""
    info = await manager.create(CreateContext(persistent=persistent))
    context = manager.existing(info.id)
    assert manager.survival is not None
    return context, manager.survival.attached(context)


async def events_of(execution: ExecutionRecord) -> list[Any]:
    """Return all events of an execution, when it has ended."""
    return [event async for _, event in execution.journal.follow()]


async def news(execution: ExecutionRecord) -> list[Any]:
    """Return those that tell of a new worker, and of what it has got."""
    return [it for it in await events_of(execution) if isinstance(it, Restored | Restarted)]
