"""Each log record becomes one short line on stderr."""

import json
import logging
import subprocess
import sys

import pytest

from interpreterd.logs.handler import EXCEPTION_LIMIT_CHARS, JsonFormatter, TextFormatter

PROGRAM = """
import logging, sys
from interpreterd.logs.handler import about, flush, set_up_logging
from interpreterd.logs.settings import LogSettings
set_up_logging(LogSettings(log_format=sys.argv[1], log_level="warning"))
log = logging.getLogger("it")
log.info("too low")
for _ in range(100):
    about("a", log).warning("said %s", "again")
print("printed", file=sys.stderr)
flush()
"""


def logged(form: str) -> list[str]:
    """Return the lines of a program that logs one message a hundred times and prints another."""
    command = [sys.executable, "-c", PROGRAM, form]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()


def test_a_record_is_one_line_of_json() -> None:
    """Its text has line breaks, a traceback and a lone surrogate."""
    try:
        raise ValueError("two\nlines \udcff")
    except ValueError:
        record = logging.LogRecord("name", logging.ERROR, __file__, 1, "%s", ("a\nb \udcff",), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    body = json.loads(line)
    assert body["message"] == "a\nb \\udcff"
    assert body["exception"].endswith("ValueError: two\nlines \\udcff")


def test_a_message_is_one_short_line_whatever_is_in_it() -> None:
    text = "a\nb\x1b[31m\x9b" + "c" * 100_000 + "end"
    line = TextFormatter().format(logging.LogRecord("name", logging.INFO, "file.py", 1, "%s", (text,), None))
    assert "INFO name: a\\nb\\x1b[31m\\x9bccc" in line
    assert line.endswith("end")
    assert len(line) < 3000
    assert line.isprintable()


def test_a_traceback_is_cut() -> None:
    try:
        raise ValueError("x" * 10 * EXCEPTION_LIMIT_CHARS)
    except ValueError:
        record = logging.LogRecord("name", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    assert len(TextFormatter().format(record)) < 2 * EXCEPTION_LIMIT_CHARS
    assert len(json.loads(JsonFormatter().format(record))["exception"]) < 2 * EXCEPTION_LIMIT_CHARS


@pytest.mark.parametrize("form", ["text", "json"])
def test_repeated_messages_are_counted_and_what_is_printed_goes_the_same_way(form: str) -> None:
    lines = logged(form)
    assert lines.count("printed") == 1
    assert not any("too low" in line for line in lines)
    *written, left_out = [line for line in lines if "said again" in line]
    assert 0 < len(written) < 100
    assert f"{100 - len(written)} more lines" in left_out
