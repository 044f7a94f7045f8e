"""The public facts about an execution."""

import pytest

from interpreterd.model.execution_info import ExecutionInfo


@pytest.mark.parametrize(("finished_at", "ended"), [(None, False), (0.0, True), (1.5, True)])
def test_an_execution_has_ended_once_it_has_a_time_for_that(finished_at: float | None, ended: bool) -> None:
    info = ExecutionInfo(
        id="e",
        context_id="c",
        state="running",
        code_sha256="",
        first_line="",
        origin="",
        created_at=0.0,
        started_at=None,
        finished_at=finished_at,
        error=None,
        stdout_chars=0,
        stderr_chars=0,
        first_event=0,
        events=0,
    )
    assert info.ended is ended
