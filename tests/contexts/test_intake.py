"""New work is refused while the daemon drains, and while it ends; what runs, waits or starts counts as work."""

import pytest

from interpreterd.contexts.intake import DRAINING, Intake
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ServerShuttingDown


def test_new_work_is_refused_with_the_reason() -> None:
    intake = Intake(list)
    intake.check()
    intake.draining = True
    with pytest.raises(ServerShuttingDown, match=f"^{DRAINING}$"):
        intake.check()
    intake.closing = True
    with pytest.raises(ServerShuttingDown, match=r"^server is shutting down$"):
        intake.check()


@pytest.mark.parametrize(
    ("state", "queued", "busy"),
    [("idle", 0, False), ("dead", 0, False), ("busy", 0, True), ("starting", 0, True), ("dead", 1, True)],
)
def test_work_is_what_runs_waits_or_starts(state: str, queued: int, busy: bool) -> None:
    info = ContextInfo(
        id="a", cwd="/", created_at=0, state=state, last_used_at=0, executions=0, queued=queued, metadata={}
    )
    assert Intake(lambda: [info]).busy is busy
    assert not Intake(list).busy
