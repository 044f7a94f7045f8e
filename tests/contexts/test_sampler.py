"""The sampler looks at processes in the background, and for an answer."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import pytest
from soon import soon

from interpreterd.contexts import sampler as module
from interpreterd.contexts.sampler import Sampler, Seen
from interpreterd.processes.usage import Process


def process(cpu_s: float, *, pid: int = 1, started: int = 1, reaped_s: float = 0.0) -> Process:
    return Process(pid=pid, started=started, cpu_s=cpu_s, reaped_s=reaped_s, resident_bytes=1)


def test_a_share_is_of_the_time_between_two_looks() -> None:
    seen = Seen()
    seen.look([process(1.0)], 100.0, 4.0)
    assert (seen.cpu_s, seen.percent) == (1.0, 25.0)
    seen.look([process(2.0)], 102.0, 6.0)
    assert (seen.cpu_s, seen.percent) == (2.0, 50.0)


def test_looks_in_quick_succession_tell_the_last_share_again() -> None:
    seen = Seen()
    seen.look([process(1.0)], 100.0, 4.0)
    seen.look([process(1.1)], 100.01, 4.01)
    assert (seen.cpu_s, seen.percent) == (1.1, 25.0)
    seen.look([process(1.5)], 101.0, 5.0)
    assert seen.percent == pytest.approx(50.0)


def test_the_time_of_earlier_workers_stays() -> None:
    seen = Seen()
    seen.look([process(3.0)], 100.0, 4.0)
    seen.look([process(0.5, pid=2)], 110.0, 5.0)
    assert (seen.cpu_s, seen.percent) == (3.5, 10.0)


def test_the_time_of_a_child_counts_once_and_never_falls() -> None:
    seen = Seen()
    seen.look([process(1.0), process(2.0, pid=5)], 100.0, 4.0)
    seen.look([process(1.0, reaped_s=2.0)], 101.0, 5.0)
    assert seen.cpu_s == 3.0
    seen.look([process(1.0), process(1.0, pid=6)], 102.0, 6.0)
    seen.look([process(1.0)], 103.0, 7.0)  # it was not waited for
    assert seen.cpu_s >= 3.0


class Contexts:
    """The contexts of a test: this process is the worker of each."""

    def __init__(self, *ids: str) -> None:
        self.workers: dict[str, int | None] = dict.fromkeys(ids, os.getpid())

    def __call__(self) -> Mapping[str, int | None]:
        return self.workers


async def test_without_contexts_it_does_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []
    monkeypatch.setattr(module, "_families", lambda pids: looks.append(list(pids)) or ({}, 0.0))
    async with asyncio.TaskGroup() as tasks:
        contexts = Contexts("a")
        sampler = Sampler(tasks, contexts, 0.001)
        sampler.wake()
        sampler.wake()
        await soon(lambda: looks)
        contexts.workers.clear()
        await soon(lambda: sampler._task is None)
        contexts.workers["b"] = 7
        looks.clear()
        sampler.wake()
        await soon(lambda: looks)
        sampler.close()
    assert looks[0] == [7]


async def test_it_never_looks_if_it_is_not_to() -> None:
    async with asyncio.TaskGroup() as tasks:
        sampler = Sampler(tasks, Contexts("a"), 0)
        sampler.wake()
        assert sampler._task is None
        assert sampler.resident_bytes is None


async def test_a_look_in_the_background_sums_up_all_contexts() -> None:
    async with asyncio.TaskGroup() as tasks:
        contexts = Contexts("a", "b")
        contexts.workers["dead"] = None
        sampler = Sampler(tasks, contexts, 0.001)
        sampler.wake()
        await soon(lambda: sampler.processes is not None)
        assert sampler.resident_bytes is not None
        assert sampler.resident_bytes > 1 << 20
        assert sampler.cpu_of("a") > 0
        assert sampler.cpu_of("dead") == sampler.cpu_of("nobody") == 0
        before = sampler.cpu_s
        sampler.forget("a")
        sampler.forget("a")
        assert sampler.cpu_s >= before, "what it has used stays in the sum"
        sampler.close()


async def test_a_question_is_answered_also_without_looks_in_the_background() -> None:
    async with asyncio.TaskGroup() as tasks:
        contexts = Contexts("a", "b")
        sampler = Sampler(tasks, contexts, 0)
        one = await sampler.ask({"a": os.getpid()})
        both, again = await asyncio.gather(sampler.ask(contexts.workers), sampler.ask(contexts.workers))  # type: ignore[arg-type]
        assert list(one) == ["a"]
        assert set(both) == set(again) == {"a", "b"}
        assert one["a"].threads >= 1
        assert one["a"].unique_bytes <= one["a"].proportional_bytes <= one["a"].resident_bytes
        sampler.close()
        assert await sampler.ask({"a": os.getpid()}) == {}


async def test_a_context_that_is_deleted_while_it_is_measured_is_not_kept() -> None:
    async with asyncio.TaskGroup() as tasks:
        contexts = Contexts()
        sampler = Sampler(tasks, contexts, 0)
        assert list(await sampler.ask({"gone": os.getpid()})) == ["gone"]
        assert sampler.cpu_of("gone") == 0
        sampler.close()


async def test_a_mistake_in_a_look_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pids: Any) -> Any:
        raise OSError("no descriptors")

    monkeypatch.setattr(module, "measure_all", fail)
    async with asyncio.TaskGroup() as tasks:
        sampler = Sampler(tasks, Contexts("a", "b"), 0)
        assert await sampler.ask({"a": 1, "b": 2}) == {}
        assert await sampler.ask({"a": 1}) == {}
        sampler.close()
