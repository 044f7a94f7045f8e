"""The part of a context that rests; ``state/test_hibernation.py`` has what it is for."""

from pathlib import Path

from fake_worker import FakeLauncher
from open_context import COMPLETED, execute, open_context, read, run
from resting import new_disk, open_resting

from interpreterd.machine.states import State
from interpreterd.model.events import Restarted
from interpreterd.model.looks import Completeness, Task
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.pipe.messages import Done
from interpreterd.workers.isolation.jails import Place


async def test_a_context_that_never_rests_pays_for_nothing() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert context.kept is None
        assert (context.worker_state, context.shown_state, context.has_work) == (State.EMPTY, "dead", False)
        worker, message, journal = await run(context, launcher)
        context.submit(execute())
        assert (context.shown_state, context.has_work) == ("busy", True)
        worker.done(message)
        assert await read(journal) == [COMPLETED]


async def test_a_look_changes_nothing(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_resting(launcher, tmp_path, new_disk(), persistent=True) as manager:
        context = manager.existing((await manager.create(CreateContext())).id)
        assert context.kept is not None
        context.submit(Execute(code="1", task=Task(kind="isComplete")), client=False)
        worker = launcher.workers[-1]
        message = await worker.run()
        worker.say(Done(execution_id=message.execution_id, found=Completeness(status="complete")))
        assert context.kept.is_current
        context.submit(Execute(code="1"), client=False)
        waiting = context.submit(Execute(code="2"), client=False)
        context.interrupt(waiting.id)
        assert context.kept.is_current
        worker.done(await worker.run())
        assert not context.kept.is_current


async def test_a_context_that_is_recalled_is_as_old_as_it_was() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        context.recall(created_at=1.0, last_used_at=2.0)
        assert (context.info().created_at, context.info().last_used_at) == (1.0, 2.0)
        worker, message, journal = await run(context, launcher)
        worker.done(message)
        assert await read(journal) == [Restarted(), COMPLETED]


async def test_workers_start_where_a_context_has_settled() -> None:
    launcher, other = FakeLauncher(), FakeLauncher()
    async with open_context(launcher) as context:
        place = Place(other)
        context.settle(place)
        assert context.place is place
        await context.start()
        assert (len(launcher.workers), len(other.workers)) == (0, 1)
