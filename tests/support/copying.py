"""Stands for forking workers: checkpoints over fake copies, whose memory the test decides."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from fake_worker import FakeWorker

from interpreterd.contexts.state import checkpoints, parking
from interpreterd.contexts.state.checkpoints import Checkpoints
from interpreterd.contexts.state.parked import Parked
from interpreterd.contexts.state.parking import Parking
from interpreterd.model.accounts import Account
from interpreterd.model.errors import InterpreterError
from interpreterd.processes.copied_memory import CopiedMemory, Copies
from interpreterd.workers.branching import Branched


class Copier:
    """Makes fake copies of workers.

    Attributes:
        copies: All of them, in order.
        purposes: What each was made for.
        failure: The error that is raised in place of making one.
        asked: Set when one is asked for.
        waiting: How many wait now.
        gate: Each copy waits until it is set.
        memory: What each copy has alone, by its pid.
        ended: What ended each checkpoint.
        account: What all contexts use.
        pids: The pids of the copies that count, at each change.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.copies: list[FakeWorker] = []
        self.purposes: list[str] = []
        self.failure: InterpreterError | None = None
        self.asked = asyncio.Event()
        self.waiting = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.memory: dict[int, int] = {}
        self.ended: list[tuple[Parked, str]] = []
        self.pids: list[tuple[int, ...]] = []
        self.account = Account("")
        monkeypatch.setattr(checkpoints, "branch", self.branch)
        monkeypatch.setattr(parking, "measure_copies", self.measure)
        monkeypatch.setattr(parking, "first_bytes", lambda pid: self.memory.get(pid, 0))

    async def branch(self, worker: Any, *, purpose: str, **others: Any) -> Branched:
        """See ``workers.branching.branch``."""
        self.asked.set()
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        if self.failure is not None:
            raise self.failure
        copy = FakeWorker(2000 + len(self.copies), answer=None)
        self.copies.append(copy)
        self.purposes.append(purpose)
        return Branched([copy])  # type: ignore[list-item]

    def measure(self, groups: Sequence[Copies]) -> list[CopiedMemory]:
        """See ``measure_copies``."""
        found = [{pid: self.memory.get(pid, 0) for pid in group.copies} for group in groups]
        return [CopiedMemory(it, sum(it.values())) for it in found]

    def checkpoints(self, parking: Parking, limit: int = 3, *, count: int = 0) -> Checkpoints:
        """Return the checkpoints of a context."""
        return Checkpoints(
            parking,
            limit,
            self.account,
            count=count,
            pid=lambda: 1000,
            on_change=self.pids.append,
            on_end=lambda parked, why: self.ended.append((parked, why)),
        )


def original() -> FakeWorker:
    """Return a worker to be copied."""
    return FakeWorker(1000, answer=None)
