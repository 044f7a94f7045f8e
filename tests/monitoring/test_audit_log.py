"""The audit log: who ran what, and how it ended; what happens when it cannot be written."""

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from soon import soon

from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.holdings import Holdings
from interpreterd.model.access_errors import AuditUnavailable
from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.events import Failure, Outcome
from interpreterd.model.happenings import Happening
from interpreterd.model.identity import CURRENT, Identity
from interpreterd.model.requests import Execute
from interpreterd.monitoring import audit_log
from interpreterd.monitoring.audit_chain import Checked
from interpreterd.monitoring.audit_log import AuditLog
from interpreterd.monitoring.counts import COUNTS


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    log = AuditLog(str(tmp_path / "audit"))
    yield log
    log.close()


def record(code: str = "pass", **keys: Any) -> tuple[ExecutionRecord, Execute]:
    request = Execute(code=code, **keys)
    executions = Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20)
    held = Holdings(1 << 20, "held")
    return executions.new("e1", "c1", request, backlog_bytes=1, on_room=None, held=held), request


def entries(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines(keepends=True)
    Checked().check(lines)
    return [orjson.loads(line) for line in lines]


def asked(log: AuditLog) -> ExecutionRecord:
    """Submit an execution for a tenant's request."""
    tokens = CURRENT.set(Identity(tenant="acme", role="tenant", token="t1", sees_all=False))
    caller = CALLER.set(ClientRequest("r1", address="192.0.2.1"))
    run, request = record("print('grüße')" * 50, origin="ada")
    log.submitted(run, request)
    CALLER.reset(caller)
    CURRENT.reset(tokens)
    return run


WHO = {
    "contextId": "c1",
    "executionId": "e1",
    "tenant": "",
    "token": "t1",
    "role": "tenant",
    "requestId": "r1",
    "address": "192.0.2.1",
    "origin": "ada",
    "sha256": hashlib.sha256(("print('grüße')" * 50).encode()).hexdigest(),
}


async def test_a_long_execution_has_a_line_when_it_begins_and_one_that_tells_all(log: AuditLog, tmp_path: Path) -> None:
    run = asked(log)
    await soon(lambda: len(entries(tmp_path / "audit")) == 2)
    run.note_begin()
    run.note_end(Outcome.COMPLETED, None)
    log.ended(run)
    await asyncio.to_thread(log.close)
    begun, submitted, ended = entries(tmp_path / "audit")
    assert (begun["event"], begun["pid"]) == ("audit.begun", os.getpid())
    assert submitted["event"] == "execution.submitted"
    assert {key: submitted[key] for key in WHO} == {key: ended[key] for key in WHO} == WHO
    assert set(submitted) == {*WHO, "time", "event", "prev"}, "no code"
    assert (ended["event"], ended["outcome"], ended["raised"]) == ("execution.ended", "completed", False)
    assert ended["submitted"] == submitted["time"]


def test_a_short_execution_has_one_line(log: AuditLog, tmp_path: Path) -> None:
    run = asked(log)
    run.note_begin()
    run.note_end(Outcome.INTERRUPTED, Failure(name="Secret", value="secret"))
    log.ended(run)
    log.close()
    _, ended = entries(tmp_path / "audit")
    assert {key: ended[key] for key in WHO} == WHO
    assert (ended["event"], ended["outcome"], ended["raised"]) == ("execution.ended", "interrupted", True)
    assert "ecret" not in str(ended)


@pytest.mark.parametrize("is_long", [True, False])
def test_the_code_itself_is_kept_once_if_that_is_wanted(tmp_path: Path, is_long: bool) -> None:
    log = AuditLog(str(tmp_path / "audit"), keeps_code=True)
    run, request = record("'\ud800' # a lone surrogate")
    log.submitted(run, request)
    if is_long:
        while len(entries(tmp_path / "audit")) == 1:
            time.sleep(0.001)
    run.note_end(Outcome.CANCELLED, None)
    log.ended(run)
    log.close()
    told = [it["code"] for it in entries(tmp_path / "audit") if "code" in it]
    assert told == ["'\\ud800' # a lone surrogate"]
    assert len(entries(tmp_path / "audit")) == (3 if is_long else 2)


def test_what_else_happens_has_a_line(log: AuditLog, tmp_path: Path) -> None:
    fields = {"reason": "limit_reached"}
    log.happened(Happening(name="request.refused", at=1.5, fields=fields, tenant="acme", caller=ClientRequest("r9")))
    log.close()
    line = entries(tmp_path / "audit")[1]
    assert (line["event"], line["reason"], line["tenant"], line["requestId"]) == (
        "request.refused",
        "limit_reached",
        "acme",
        "r9",
    )
    assert line["time"] == "1970-01-01T00:00:01.500000Z"


async def test_at_rotation_the_chain_goes_on_in_a_new_file(log: AuditLog, tmp_path: Path) -> None:
    path = tmp_path / "audit"
    log.happened(Happening(name="one", at=0.0))
    log.reopen()  # nothing was moved: nothing changes
    path.rename(tmp_path / "audit.1")
    log.happened(Happening(name="two", at=0.0))
    log.reopen()
    await soon(path.exists)
    log.happened(Happening(name="three", at=0.0))
    await asyncio.to_thread(log.close)
    both = Checked()
    both.check((tmp_path / "audit.1").read_bytes().splitlines(keepends=True))
    old_end = both.last
    both.check(path.read_bytes().splitlines(keepends=True))
    first, *rest = entries(path)
    assert first["continues"] == first["prev"] == old_end
    names = [it["event"] for it in [*entries(tmp_path / "audit.1"), first, *rest]]
    assert [it for it in names if it != "audit.begun"] == ["one", "two", "three"]


async def test_a_new_file_that_cannot_be_opened_leaves_the_log_where_it_is(log: AuditLog, tmp_path: Path) -> None:
    path = tmp_path / "audit"
    path.rename(tmp_path / "audit.1")
    path.mkdir()
    log.reopen()
    log.happened(Happening(name="one", at=0.0))
    await soon(lambda: not log._reopens)
    log.happened(Happening(name="two", at=0.0))
    await asyncio.to_thread(log.close)
    assert [it["event"] for it in entries(tmp_path / "audit.1")][1:] == ["one", "two"]


class Disk:
    """A disk that may be full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = True
        self.writes = 0
        self._write = os.write
        monkeypatch.setattr(audit_log, "TRY_AGAIN_AFTER_S", 0.01)
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: bytes) -> int:
        self.writes += 1
        if self.is_full:
            raise OSError(28, "No space left on device")
        return self._write(fd, data)


async def test_on_a_full_disk_new_work_is_refused_until_there_is_room(
    log: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.check()
    disk = Disk(monkeypatch)
    log.happened(Happening(name="one", at=0.0))
    await soon(lambda: log._failure)
    with pytest.raises(AuditUnavailable, match="cannot be written"):
        log.check()
    log.happened(Happening(name="two", at=0.0))  # what runs goes on, and its end waits
    disk.is_full = False
    await soon(lambda: log._failure is None)
    log.check()
    await asyncio.to_thread(log.close)
    assert [it["event"] for it in entries(tmp_path / "audit")][1:] == ["one", "two"], "nothing is lost"


async def test_a_log_that_may_lose_lines_refuses_nothing_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "WAITING_LIMIT", 3)
    lost = COUNTS.audit_lost
    log = AuditLog(str(tmp_path / "audit"), refuses=False)
    disk = Disk(monkeypatch)
    log.happened(Happening(name="first", at=0.0))
    await soon(lambda: log._failure)
    for number in range(5):
        log.happened(Happening(name=f"n{number}", at=0.0))
    log.check()
    assert COUNTS.audit_lost == lost + 2
    disk.is_full = False
    await soon(lambda: log._failure is None)
    await asyncio.to_thread(log.close)
    events = entries(tmp_path / "audit")[1:]
    assert [it["event"] for it in events] == ["first", "n0", "n1", "n2", "audit.lost"]
    assert events[-1]["lines"] == 2


async def test_many_entries_are_written_in_order(log: AuditLog, tmp_path: Path) -> None:
    for number in range(5000):
        log.happened(Happening(name=str(number), at=0.0))
        if not number % 500:
            await asyncio.sleep(0)
    await asyncio.to_thread(log.close)
    assert [it["event"] for it in entries(tmp_path / "audit")][1:] == [str(number) for number in range(5000)]


async def test_a_daemon_that_takes_over_waits_beside_the_file_until_the_other_one_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "TRY_AGAIN_AFTER_S", 0.01)
    path, aside = tmp_path / "audit", tmp_path / f"audit.{os.getpid()}"
    old = AuditLog(str(path))
    with pytest.raises(BlockingIOError):
        AuditLog(str(path))
    new = AuditLog(str(path), takes_over=True)
    new.happened(Happening(name="beside", at=0.0))
    old.happened(Happening(name="last of the old", at=0.0))
    await asyncio.to_thread(old.close)
    await soon(lambda: not new._is_aside)
    new.happened(Happening(name="new", at=0.0))
    await asyncio.to_thread(new.close)
    assert [it["event"] for it in entries(aside)] == ["audit.begun", "beside"]
    lines = entries(path)
    assert [it["event"] for it in lines] == ["audit.begun", "last of the old", "audit.begun", "new"]
    beside = Checked()
    beside.check(aside.read_bytes().splitlines(keepends=True))
    assert lines[2]["continues"] == beside.last
    assert beside.first == lines[1]["prev"], "it began after what was there then"
