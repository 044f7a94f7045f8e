"""Between executions a worker does what the daemon asks of it, and then runs the next."""

from branched import Bench


async def test_an_execution_runs_right_after_an_operation_and_numbers_go_on(copying: Bench) -> None:
    original = await copying.worker("def f():\n    return 1/0")
    copy = await copying.copy(original)
    for coder in (original, copy):
        assert "return 1/0" in await coder.fails("f()")
