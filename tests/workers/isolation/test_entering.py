"""A context's place is made ready before each start of its worker; otherwise it tells why no worker starts."""

import pytest
from fake_worker import FakeLauncher

from interpreterd.model.errors import InvalidWorkingDirectory, WorkerStartFailed
from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.workers.isolation.entering import EnteringLauncher


async def test_it_enters_before_it_starts_a_worker() -> None:
    launcher = FakeLauncher()
    entered: list[int] = []

    async def enter() -> None:
        entered.append(len(launcher.workers))

    entering = EnteringLauncher(launcher, enter)
    worker = await entering.launch()
    assert (entered, launcher.workers) == ([0], [worker])
    assert await entering.describe_python() == await launcher.describe_python()
    await entering.sweep()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidWorkingDirectory("it is a home"), IsolationUnavailable),
        (WorkerStartFailed("no Python"), WorkerStartFailed),
    ],
)
async def test_why_it_cannot_be_entered_is_why_no_worker_starts(
    error: Exception, told: type[WorkerStartFailed]
) -> None:
    launcher = FakeLauncher()

    async def enter() -> None:
        raise error

    with pytest.raises(told, match=str(error)):
        await EnteringLauncher(launcher, enter).launch()
    assert launcher.workers == []
