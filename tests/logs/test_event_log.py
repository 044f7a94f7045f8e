"""Lines of the log for executions and contexts."""

from typing import Any

import orjson
import pytest
from soon import soon

from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.holdings import Holdings
from interpreterd.logs import event_log
from interpreterd.logs.event_log import EventLog
from interpreterd.logs.settings import LogSettings
from interpreterd.model.caller import ClientRequest
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.happenings import Happening
from interpreterd.model.requests import Execute

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Put:
    """Takes lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def put(self, line: str) -> None:
        self.lines.append(line)


def ended() -> ExecutionRecord:
    executions = Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20)
    request = Execute(code="secret = 'hunter2'", envs={"KEY": "hunter3"}, origin="hunter4")
    run = executions.new("e1", "c1", request, backlog_bytes=1, on_room=None, held=Holdings(1 << 20, "held"))
    run.caller = ClientRequest("r1", PARENT)
    run.created_at = 1.0
    run.note_begin()
    run.note_end(Outcome.COMPLETED, Failure(name="Hunter5", value="hunter6"))
    run.started_at, run.finished_at = 1.5, 3.5
    return run


async def test_an_execution_has_one_line_in_json() -> None:
    put = Put()
    log = EventLog(put, as_json=True)  # type: ignore[arg-type]
    run = ended()
    log.submitted(run, None)  # type: ignore[arg-type]
    log.begun(run)
    log.ended(run)
    log.flush()
    (line,) = put.lines
    assert "unter" not in line, "nothing of the code, of its variables or of its exception"
    assert orjson.loads(line) == {
        "time": "1970-01-01T00:00:03.500+00:00",
        "level": "info",
        "logger": "interpreterd.events",
        "message": "execution.ended",
        "contextId": "c1",
        "executionId": "e1",
        "requestId": "r1",
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "outcome": "completed",
        "raised": True,
        "queuedSeconds": 0.5,
        "runningSeconds": 2.0,
        "outputBytes": 0,
    }


async def test_an_event_is_a_line_of_text_for_people() -> None:
    put = Put()
    log = EventLog(put, as_json=False)  # type: ignore[arg-type]
    fields: dict[str, Any] = {"how": "killed by SIGKILL", "empty": "", "odd": "a\x1bb", "listed": True, "pid": 7}
    log.happened(Happening(name="worker.ended", at=0.25, context_id="c1", fields=fields, tenant="acme"))
    log.flush()
    (line,) = put.lines
    assert line.endswith(
        ',250 INFO interpreterd.events: worker.ended contextId=c1 tenant=acme how="killed by SIGKILL" empty="" '
        'odd="a\\u001bb" listed=true pid=7'
    )


async def test_lines_are_written_a_moment_later_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    put = Put()
    log = EventLog(put, as_json=True)  # type: ignore[arg-type]
    monkeypatch.setattr(event_log, "BATCH_LIMIT", 3)
    for number in range(4):
        log.happened(Happening(name=str(number), at=0.0))
        assert len(put.lines) == (3 if number >= 2 else 0)
    await soon(lambda: len(put.lines) == 4)
    assert [orjson.loads(line)["message"] for line in put.lines] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("settings", "tells"),
    [
        ({}, False),
        ({"log_format": "json"}, True),
        ({"log_format": "json", "log_events": "off"}, False),
        ({"log_format": "json", "log_level": "warning"}, False),
        ({"log_events": "on"}, True),
        ({"log_events": "on", "log_level": "error"}, False),
        ({"log_events": "on", "log_level": "debug"}, True),
    ],
)
def test_events_are_logged_in_json_or_if_that_is_wanted(settings: dict[str, str], tells: bool) -> None:
    assert event_log.tells_events(LogSettings(**settings)) is tells
