"""A parked copy: whatever ends its process, ends the checkpoint, and nothing else."""

import logging

import pytest
from fake_worker import FakeWorker

from interpreterd.contexts.state import parked as module
from interpreterd.contexts.state.parked import Parked
from interpreterd.pipe.messages import Synced


class Ends:
    """Hears of ends."""

    def __init__(self) -> None:
        self.told: list[str | None] = []

    def __call__(self, parked: Parked, why: str | None) -> None:
        self.told.append(why)


def park(worker: FakeWorker) -> tuple[Parked, Ends]:
    ends = Ends()
    return Parked(worker, name="n", automatic=False, executions=2, lost=(), steps=(), on_end=ends), ends


async def test_a_dropped_copy_is_killed_and_reported_once() -> None:
    worker = FakeWorker(7, answer=None)
    parked, ends = park(worker)
    parked.drop("deleted")
    parked.drop("oldest")
    await parked.gone()
    assert (ends.told, worker.calls, parked.is_there) == (["deleted"], ["kill", "end_text"], False)


@pytest.mark.parametrize("end", ["exit", "message", "breach"])
async def test_a_copy_that_ends_or_speaks_is_lost(end: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    worker = FakeWorker(7, answer=None)
    parked, ends = park(worker)
    if end == "exit":
        worker.exit("killed by SIGSEGV")
    elif end == "message":
        worker.say(Synced())
    else:
        worker.listener.on_broken("it closed its channel")
    await parked.ended.wait()
    assert ends.told == ["died"]
    assert f"checkpoint {parked.id} is lost" in caplog.text


async def test_a_copy_that_had_ended_before_it_was_parked_is_not_there() -> None:
    worker = FakeWorker(7, answer=None)
    worker.exit("killed by SIGKILL")
    parked, ends = park(worker)
    assert (parked.is_there, parked.ended.is_set(), ends.told) == (False, True, ["died"])
    broken = FakeWorker(8, answer=None)
    broken.broken = "it closed its channel"
    assert not park(broken)[0].is_there


async def test_a_copy_that_cannot_be_killed_is_left_to_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIES_WITHIN_S", 0.001)
    worker = FakeWorker(7, answer=None)
    worker.immortal = True
    parked, _ = park(worker)
    parked.drop("deleted")
    await parked.gone()
    assert worker.calls == ["kill", "give_up", "end_text"]


async def test_a_checkpoint_is_described() -> None:
    parked, _ = park(FakeWorker(7, answer=None))
    parked.private_bytes = 5
    info = parked.info()
    assert (info.id, info.name, info.memory_bytes, info.automatic) == (parked.id, "n", 5, False)
