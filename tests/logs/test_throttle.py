"""The log repeats a message only so often. The test moves the clock."""

import logging

from interpreterd.logs.throttle import CONTEXT_LIMIT, LIMIT, REPEAT_PERIOD_S, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def record(about: str | None = None, line: int = 1) -> logging.LogRecord:
    it = logging.LogRecord("name", logging.WARNING, "file.py", line, "%s happened", (about,), None)
    if about is not None:
        it.about = about
    return it


def admitted(throttle: Throttle, times: int, about: str | None = None, line: int = 1) -> int:
    return sum(throttle.admits(record(about, line)) for _ in range(times))


def told(throttle: Throttle) -> list[str]:
    return [it.getMessage() for it in throttle.ended()]


def test_a_context_is_left_out_and_the_others_are_not() -> None:
    throttle = Throttle(Clock())
    assert admitted(throttle, 1000, "a") == CONTEXT_LIMIT
    assert admitted(throttle, 3, "b") == 3
    assert admitted(throttle, 1, "a", line=2) == 1, "another thing"


def test_all_contexts_together_have_a_limit() -> None:
    throttle = Throttle(Clock())
    assert sum(admitted(throttle, 1, str(number)) for number in range(1000)) == LIMIT
    assert throttle.due_in() == REPEAT_PERIOD_S


def test_what_was_left_out_is_told_once_when_the_minute_is_over() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert throttle.due_in() is None
    admitted(throttle, CONTEXT_LIMIT + 5, "a")
    admitted(throttle, LIMIT + 1, line=2)
    assert told(throttle) == []
    clock.now += REPEAT_PERIOD_S
    assert throttle.due_in() == 0
    assert sorted(told(throttle)) == [
        "1 more line of this kind left out: None happened",
        "5 more lines of this kind left out: a happened",
    ]
    assert told(throttle) == []
    assert throttle.due_in() is None
    assert admitted(throttle, 1, "a") == 1


def test_a_quiet_minute_ends_without_a_look_at_the_clock() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert admitted(throttle, CONTEXT_LIMIT, "a") == CONTEXT_LIMIT
    clock.now += REPEAT_PERIOD_S
    assert admitted(throttle, 100, "a") == CONTEXT_LIMIT
