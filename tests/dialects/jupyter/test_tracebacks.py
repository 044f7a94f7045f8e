"""Tracebacks with colours."""

import re
import traceback

from interpreterd.dialects.jupyter.tracebacks import traceback_lines
from interpreterd.model.failures import Failure


def plain(lines: list[str]) -> str:
    """Return lines without their colours."""
    return re.sub(r"\x1b\[\d+m", "", "\n".join(lines))


def failure_of(code: str) -> Failure:
    """Return what code raises."""
    try:
        exec(compile(code, "cell", "exec"), {})
    except BaseException as error:
        return Failure(name=type(error).__name__, value=str(error), traceback=traceback.format_exc())
    raise AssertionError


def test_a_traceback_has_a_head_the_places_and_the_reason() -> None:
    lines = traceback_lines(failure_of("def f():\n    1 / 0\nf()"))
    assert set(plain(lines[:1])) == {"-"}
    assert re.fullmatch(r"ZeroDivisionError +Traceback \(most recent call last\)", plain(lines[1:2]))
    assert "\x1b[32mcell\x1b[39m, line \x1b[32m2\x1b[39m, in \x1b[36mf\x1b[39m" in "\n".join(lines)
    assert lines[-1] == "\x1b[31mZeroDivisionError\x1b[39m: division by zero"
    assert all("\n" not in line for line in lines)


def test_a_syntax_error_shows_the_place() -> None:
    lines = traceback_lines(failure_of("x = = 1"))
    assert "x = = 1" in plain(lines)
    assert plain(lines[-1:]).startswith("SyntaxError: ")


def test_notes_and_many_lines_stay_after_the_reason() -> None:
    failure = failure_of("e = ValueError('one\\ntwo')\ne.__notes__ = ['a note']\nraise e")
    shown = plain(traceback_lines(failure))
    assert shown.endswith("ValueError: one\ntwo\na note")
    assert shown.count("ValueError: one") == 1


def test_an_exception_of_a_module_keeps_its_whole_name() -> None:
    failure = Failure(name="Odd", value="x", traceback="Traceback (most recent call last):\nmod.Odd: x\n")
    assert traceback_lines(failure)[-1] == "mod.\x1b[31mOdd\x1b[39m: x"


def test_a_reason_without_a_place_is_one_line() -> None:
    assert traceback_lines(Failure(name="WorkerDied", value="killed")) == ["\x1b[31mWorkerDied\x1b[39m: killed"]
    assert traceback_lines(Failure(name="KeyboardInterrupt", value="")) == ["\x1b[31mKeyboardInterrupt\x1b[39m"]


def test_a_traceback_without_the_name_gets_it() -> None:
    failure = Failure(name="TimeoutError", value="too long", traceback="Traceback (most recent call last):\n  odd\n")
    assert plain(traceback_lines(failure)).endswith("  odd\nTimeoutError: too long")
