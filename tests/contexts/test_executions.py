"""The register of executions: the facts about each execution, and how long it keeps ended ones."""

import hashlib

import pytest

from interpreterd.contexts.executions import (
    KEPT_OF_DELETED,
    KEPT_PER_CONTEXT,
    RECORD_BYTES,
    ExecutionRecord,
    Executions,
)
from interpreterd.contexts.sources import FIRST_LINE_LIMIT_CHARS, LongSource, ShortSource, first_line
from interpreterd.model import events
from interpreterd.model.events import EVENT_BYTES
from interpreterd.model.requests import Execute

MUCH = 1 << 30
END = events.Finished(outcome=events.Outcome.COMPLETED)


def register(limit_bytes: int = MUCH, journal_limit_bytes: int = MUCH) -> Executions:
    return Executions(limit_bytes=limit_bytes, journal_limit_bytes=journal_limit_bytes)


def new(it: Executions, name: str, context: str = "c", code: str = "pass", *, client: bool = False) -> ExecutionRecord:
    on_room = (lambda: None) if client else None
    request = Execute(code=code, origin="ada")
    return it.new(name, context, request, backlog_bytes=1, on_room=on_room, held=it.held)


def end(it: Executions, execution: ExecutionRecord) -> None:
    execution.append(END)
    it.ended(execution)


def ran(it: Executions, name: str, context: str = "c", text: str = "") -> ExecutionRecord:
    """Return an execution that has ended."""
    execution = new(it, name, context)
    execution.append(events.Started())
    if text:
        execution.append(events.Output(stream=events.Stream.STDOUT, text=text))
    end(it, execution)
    return execution


def known(it: Executions, names: range, prefix: str = "") -> list[int]:
    return [number for number in names if it.get(f"{prefix}{number}") is not None]


# One execution


def test_what_is_known_of_an_execution_follows_its_events() -> None:
    it = new(register(), "e", code="\n  \nx = 1\ny = 2")
    info = it.info()
    assert (info.id, info.context_id, info.origin) == ("e", "c", "ada")
    assert info.code_sha256 == hashlib.sha256(b"\n  \nx = 1\ny = 2").hexdigest()
    assert info.first_line == "x = 1"
    assert (info.state, info.started_at, info.finished_at, info.ended) == ("queued", None, None, False)
    it.append(events.Queued(ahead=1))
    assert (it.state, it.ended) == ("queued", False)
    it.append(events.Started())
    assert it.state == "running"
    it.append(events.Output(stream=events.Stream.STDOUT, text="abc"))
    it.append(events.Output(stream=events.Stream.STDERR, text="de"))
    failure = events.Failure(name="E", value="v", traceback="t")
    it.append(events.Raised(error=failure))
    assert not it.ended
    it.append(events.Finished(outcome=events.Outcome.INTERRUPTED, error=failure))
    info = it.info()
    assert (it.ended, info.ended, info.state, info.error) == (True, True, "interrupted", failure)
    assert (info.stdout_chars, info.stderr_chars, info.first_event, info.events) == (3, 2, 0, 6)
    assert info.started_at is not None
    assert info.finished_at is not None
    assert info.created_at <= info.started_at <= info.finished_at
    assert it.journal.ended


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("x", "x"),
        ("\n\n  x  \ny", "x"),
        ("", ""),
        (" \n", ""),
        ("x" * 1000, "x" * FIRST_LINE_LIMIT_CHARS),
        ("x" * FIRST_LINE_LIMIT_CHARS + "\ny", "x" * FIRST_LINE_LIMIT_CHARS),
    ],
)
def test_the_first_line(code: str, line: str) -> None:
    assert first_line(code) == line


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("char", ["x", "é", "\ud800"])
def test_long_code_is_not_kept_for_what_is_told_of_it(char: str, extra: int) -> None:
    code = char * (FIRST_LINE_LIMIT_CHARS + extra)
    it = new(register(), "e", code=code)
    assert it.info().code_sha256 == hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest()
    assert it.info().first_line == code[:FIRST_LINE_LIMIT_CHARS]
    assert isinstance(it.source, ShortSource if extra <= 0 else LongSource)


# The executions that are kept


def test_the_latest_of_each_context_are_kept() -> None:
    it = register()
    for number in range(KEPT_PER_CONTEXT + 3):
        ran(it, f"a{number}", "a")
    ran(it, "b0", "b")
    assert known(it, range(KEPT_PER_CONTEXT + 3), "a") == list(range(3, KEPT_PER_CONTEXT + 3))
    assert it.get("b0") is not None
    latest_first = [f"a{number}" for number in range(KEPT_PER_CONTEXT + 2, 2, -1)]
    assert [execution.id for execution in it.latest("a")] == latest_first
    assert it.latest("nobody") == []


def test_an_execution_that_has_not_ended_is_kept() -> None:
    it = register(limit_bytes=1)
    runs = new(it, "runs")
    for number in range(KEPT_PER_CONTEXT + 1):
        ran(it, str(number))
    assert it.get("runs") is runs


def test_the_latest_of_deleted_contexts_are_kept_all_together() -> None:
    it = register()
    for context in ("a", "b"):
        for number in range(KEPT_OF_DELETED // 2 + 1):
            ran(it, f"{context}{number}", context)
        it.context_deleted(context)
        assert it.latest(context) == []
    assert known(it, range(KEPT_OF_DELETED // 2 + 1), "a") == list(range(2, KEPT_OF_DELETED // 2 + 1))
    assert known(it, range(KEPT_OF_DELETED // 2 + 1), "b") == list(range(KEPT_OF_DELETED // 2 + 1))
    ran(it, "c0", "c")
    it.context_deleted("c")
    it.context_deleted("nobody")
    assert known(it, range(4), "a") == [3]


def test_beyond_the_limit_what_ended_first_is_forgotten_first() -> None:
    it = register(limit_bytes=3 * (RECORD_BYTES + 2 * EVENT_BYTES))
    first, second = new(it, "0"), new(it, "1")
    end(it, second)
    end(it, first)
    ran(it, "2")
    assert known(it, range(3)) == [0, 1, 2]
    ran(it, "3")
    assert known(it, range(4)) == [0, 2, 3]
    ran(it, "4")
    assert known(it, range(5)) == [2, 3, 4]
    assert [execution.id for execution in it.latest("c")] == ["4", "3", "2"]


async def test_a_follower_of_a_forgotten_execution_gets_a_gap() -> None:
    it = register(limit_bytes=2 * RECORD_BYTES)
    old = ran(it, "old")
    follower = old.journal.follow()
    ran(it, "new", text="x" * RECORD_BYTES)
    assert it.get("old") is None
    assert [numbered async for numbered in follower] == [(0, events.Gap(first=0, last=0)), (1, END)]


async def test_if_nothing_has_ended_the_one_that_grows_loses_its_oldest_events() -> None:
    it = register(limit_bytes=2 * RECORD_BYTES + 10 * EVENT_BYTES)
    quiet, loud = new(it, "quiet"), new(it, "loud")
    quiet.append(events.Started())
    for _ in range(100):
        loud.append(events.Queued(ahead=0))
    assert (quiet.journal.first, loud.journal.first) == (0, 91)
    assert loud.journal.bytes == 9 * EVENT_BYTES
    quiet.append(events.Queued(ahead=0))
    assert quiet.journal.first == 1
    assert (it.get("quiet"), it.get("loud")) == (quiet, loud)


async def test_nothing_is_lost_that_the_client_has_not_read() -> None:
    it = register(limit_bytes=1)
    execution = new(it, "e", client=True)
    for number in range(10):
        execution.append(events.Queued(ahead=number))
    end(it, execution)
    ran(it, "other")
    assert it.get("e") is None
    told = [event async for _, event in execution.journal.client]
    assert told == [*(events.Queued(ahead=number) for number in range(10)), END]


def test_the_sum_comes_back_to_nothing() -> None:
    it = register(limit_bytes=100 * RECORD_BYTES)
    for round_ in range(3):
        for number in range(KEPT_OF_DELETED + 1):
            ran(it, f"{round_}-{number}", f"c{round_}", text="x" * 500)
        it.context_deleted(f"c{round_}")
    assert it._bytes == sum(RECORD_BYTES + execution.journal.bytes for execution in it._all.values())
    assert it._bytes <= 100 * RECORD_BYTES


@pytest.mark.parametrize("part", ["name", "value", "traceback"])
def test_a_long_exception_counts_once(part: str) -> None:
    it = register()
    execution = new(it, "e")
    failure = events.Failure(**{"name": "E", "value": "", part: "t" * 10_000})
    execution.append(events.Raised(error=failure))
    execution.append(events.Finished(outcome=events.Outcome.COMPLETED, error=failure))
    assert 10_000 < execution.journal.bytes < 20_000
