"""The listening half of a context passes on what its worker does."""

from fake_worker import FakeLauncher
from open_context import open_context, run

from interpreterd.contexts.listening import Listening


async def test_a_worker_that_closes_its_channel_while_nothing_runs_is_replaced() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert Listening in type(context).__mro__
        await context.start()
        context.on_closed()
        assert context.info().state != "idle"


async def test_while_code_runs_its_end_is_waited_for() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        await run(context, launcher)
        context.on_closed()
        assert context.info().state == "busy"
