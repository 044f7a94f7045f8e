"""The service of this daemon's own contexts, over fake workers."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.contexts import local
from interpreterd.contexts.local import LocalContexts, with_digest
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.service import ContextService
from interpreterd.model.context_info import Usage
from interpreterd.model.digest import SHORT_CHARS, Digest
from interpreterd.model.errors import ContextNotFound, ExecutionNotFound, LimitReached, ServerShuttingDown
from interpreterd.model.events import Finished, InputRequest, Outcome, Output, Stream, Submitted
from interpreterd.model.requests import ChangeContext, CreateContext, Execute
from interpreterd.pipe.messages import Answer, Asked
from interpreterd.settings import Settings


@contextlib.asynccontextmanager
async def open_service(launcher: FakeLauncher, cwd: Path, **settings: Any) -> AsyncIterator[ContextService]:
    chosen = Settings.of(cwd=str(cwd), **settings)
    async with Manager(chosen.contexts, chosen.workers, launcher) as manager:
        yield LocalContexts(manager)


async def test_a_submission_is_read_to_its_end(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        submission = await service.submit(Execute(code="x = 1"))
        worker = await launcher.worker()
        run = await worker.run()
        worker.write("a")
        worker.done(run)
        events = [event async for _, event in submission if isinstance(event, Output | Finished)]
        assert events == [Output(stream=Stream.STDOUT, text="a"), Finished(outcome=Outcome.COMPLETED)]
        assert submission.at_end
        submission.stop()
        info = await service.execution(submission.execution_id)
        assert (info.context_id, info.state, info.stdout_chars, info.ended) == ("default", "completed", 1, True)
        assert worker.calls.count("interrupt") == 0


@pytest.mark.parametrize("stays", [True, False])
async def test_a_client_that_goes_leaves_or_interrupts_its_execution(tmp_path: Path, stays: bool) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        submission = await service.submit(Execute(code="pass", stays=stays))
        worker = await launcher.worker()
        await worker.run()
        submission.stop()
        submission.stop()
        assert worker.calls.count("interrupt") == (0 if stays else 1)


async def test_a_client_that_stops_reading_answers_no_more(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        submission = await service.submit(Execute(code="input()", stdin=True), answers=True)
        worker = await launcher.worker()
        run = await worker.run()
        assert not await service.answer(submission.execution_id, "too early")
        worker.say(Asked(execution_id=run.execution_id, number=1, prompt="? ", password=False))
        async for _, event in submission:
            if isinstance(event, InputRequest):
                break
        assert await service.answer(submission.execution_id, "Ada")
        worker.say(Asked(execution_id=run.execution_id, number=2, prompt="? ", password=False))
        submission.stop()
        answers = [await worker.told() for _ in range(2)]
        assert [it.text for it in answers if isinstance(it, Answer)] == ["Ada", None]
        assert not await service.answer("unknown", "x")


async def test_an_unattended_execution_has_no_client(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path, backlog_limit_bytes=1) as service:
        info = await service.submit_unattended(Execute(code="pass", origin="me"))
        assert (info.state, info.origin, info.ended) == ("queued", "me", False)
        worker = await launcher.worker()
        run = await worker.run()
        worker.write("x" * 1000)
        assert worker.reading
        worker.done(run)


async def test_contexts_are_listed_from_one_on(tmp_path: Path) -> None:
    async with open_service(FakeLauncher(), tmp_path) as service:
        made = [await service.create(CreateContext(metadata={"odd": str(number % 2)})) for number in range(4)]
        await service.submit_unattended(Execute(code="pass"))
        ids = [info.id for info in made]
        assert [it.id for it in await service.contexts()] == [*ids, "default"]
        assert [it.id for it in await service.contexts(default=False)] == ids
        assert [it.id for it in await service.contexts(labels=[("odd", "1")])] == ids[1::2]
        assert [it.id for it in await service.contexts(after=ids[1])] == [*ids[2:], "default"]
        with pytest.raises(ContextNotFound):
            await service.contexts(after="unknown")
        with pytest.raises(ContextNotFound):
            await service.contexts(after=ids[0], labels=[("odd", "1")])
        listed = iter(await service.contexts(default=False))
        assert next(listed).id == ids[0]
        await service.delete(ids[1])
        await service.change(ids[2], ChangeContext(metadata={"new": "1"}))
        assert [(it.id, it.metadata.get("new")) for it in listed] == [(ids[2], "1"), (ids[3], None)]


async def test_usage_is_that_of_the_worker_which_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        info = await service.create(CreateContext())
        usage = Usage(cpu_s=1.0, memory_bytes=2, processes=3)

        async def take() -> dict[int, Usage]:
            return {launcher.workers[0].pid: usage}

        monkeypatch.setattr(service._manager._meter, "take", take)  # type: ignore[attr-defined]
        assert (await service.get(info.id)).usage is None
        assert (await service.get(info.id, usage=True)).usage == usage
        assert [it.usage for it in await service.contexts(usage=True)] == [usage]
        assert [it.usage for it in await service.contexts()] == [None]


async def test_executions_are_listed_as_they_run_wait_and_end(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        first = await service.submit_unattended(Execute(code="1"))
        worker = await launcher.worker()
        worker.done(await worker.run())
        second = await service.submit_unattended(Execute(code="2"))
        third = await service.submit_unattended(Execute(code="3"))
        await worker.run()
        ids = [second.id, third.id, first.id]
        listed = list(await service.executions("default"))
        assert [(it.id, it.state) for it in listed] == list(zip(ids, ("running", "queued", "completed"), strict=True))
        assert [it.id for it in await service.executions("default", after=ids[1])] == ids[2:]
        with pytest.raises(ExecutionNotFound):
            await service.executions("default", after="unknown")
        with pytest.raises(ContextNotFound):
            await service.executions("unknown")
        with pytest.raises(ExecutionNotFound):
            await service.execution("unknown")
        assert await service.interrupt(None, ids[1]) == "cancelled"
        assert await service.interrupt("default") == "interrupting"
        assert await service.interrupt("default", ids[2]) == "idle"


async def test_a_restart_says_what_it_has_ended(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        first = await service.submit_unattended(Execute(code="1"))
        second = await service.submit_unattended(Execute(code="2"))
        worker = await launcher.worker()
        await worker.run()
        done = await service.restart("default", cancel_queued=True)
        assert (done.lost, done.cancelled, done.context.active) == ([first.id], [second.id], True)


async def test_executions_and_contexts_are_followed(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        submission = await service.submit(Execute(code="pass"))
        execution_id = submission.execution_id
        happens = await service.follow_context("default")
        worker = await launcher.worker()
        worker.done(await worker.run())
        everything = [number async for number, _ in await service.follow_execution(execution_id)]
        assert everything == list(range(len(everything)))
        later = await service.follow_execution(execution_id, len(everything) - 1)
        assert not later.at_end
        assert [number async for number, _ in later] == everything[-1:]
        past = await service.follow_execution(execution_id, len(everything))
        assert past.at_end
        past.stop()
        other = await service.submit_unattended(Execute(code="more"))
        async for _, happened in happens:
            if isinstance(getattr(happened, "event", None), Submitted):
                break
        happens.stop()
        assert [it async for it in happens] == []
        assert (await service.execution(other.id)).ended is False
        with pytest.raises(ExecutionNotFound):
            await service.follow_execution("unknown")
        with pytest.raises(ContextNotFound):
            await service.follow_context("unknown")
        submission.stop()


async def test_what_is_refused_makes_no_context(tmp_path: Path) -> None:
    async with open_service(FakeLauncher(), tmp_path, queue_bytes=1) as service:
        with pytest.raises(LimitReached):
            await service.submit(Execute(code="pass"))
        with pytest.raises(ContextNotFound):
            await service.get("default")
        assert await service.interrupt(None) == "idle"


async def test_the_end_is_told(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_service(launcher, tmp_path) as service:
        submission = await service.submit(Execute(code="pass"))
        await (await launcher.worker()).run()
        assert not service.closing
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(service._manager.close())  # type: ignore[attr-defined]
            last = [event async for _, event in submission][-1]
        assert isinstance(last, Finished)
        assert isinstance(last.cause, ServerShuttingDown)
        assert service.closing
        with pytest.raises(ServerShuttingDown):
            await service.submit(Execute(code="pass"))


async def test_the_digest_of_long_code_is_found_out_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def find(code: str) -> Digest:
        threads.append(threading.current_thread())
        return Digest(1, "a")

    monkeypatch.setattr(local, "digest", find)
    assert (await with_digest(Execute(code="x" * (SHORT_CHARS + 1)))).digest == Digest(1, "a")
    short = Execute(code="x" * SHORT_CHARS)
    assert await with_digest(short) is short
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
