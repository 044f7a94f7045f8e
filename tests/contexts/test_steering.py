"""What clients do to a context; the tests of sessions and of ``input()`` show more."""

from fake_worker import FakeLauncher
from open_context import execute, open_context, run


async def test_an_interrupt_says_what_it_did() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        assert context.interrupt() == "idle"
        _, _, running = await run(context, launcher)
        waiting = context.submit(execute())
        assert context.interrupt(waiting.id) == "cancelled"
        assert context.interrupt(running.id) == "interrupting"
        assert context.interrupt("unknown") == "idle"


async def test_nothing_takes_an_answer_that_has_not_asked() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        _, _, running = await run(context, launcher)
        assert context.answer(running.id, "text") is False
