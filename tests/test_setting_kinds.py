"""The types of settings: the text that each accepts, and the words of its errors."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from interpreterd.setting_kinds import (
    absolute,
    at_least,
    byte_size,
    count,
    duration,
    number,
    parse_bytes,
    patience,
    period,
    setting,
    switch,
    whole,
    words,
)

Kind = Callable[[str], Any]
UNITS = "must be a number of seconds, or a number with a unit, for example 30s, 10m, 2h or 1d"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (words, " a, b,,", ("a", "b")),
        (words, "", ()),
        (absolute, "/usr/../tmp", "/tmp"),
        (switch, "On", True),
        (switch, "", False),
        (whole, " 7 ", 7),
        (number, "1e1", 10.0),
        (parse_bytes, "65536", 65536),
        (parse_bytes, "64k", 64 << 10),
        (parse_bytes, "2G", 2 << 30),
        (at_least(2, whole, most=3), "3", 3),
        (count, "1", 1),
        (byte_size, "1K", 1024),
        (duration, "0", 0.0),
        (patience, "0.1", 0.1),
        (period, "90", 90.0),
        (period, "1.5m", 90.0),
        (period, "30S", 30.0),
        (period, " 2h ", 7200.0),
        (period, "1d", 86400.0),
    ],
)
def test_a_text_becomes_a_value(kind: Kind, text: str, value: Any) -> None:
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (switch, "perhaps", "must be true or false"),
        (whole, "1.5", "must be a whole number"),
        (number, "x", "must be a number"),
        (number, "nan", "must be a finite number"),
        (number, "1e999", "must be a finite number"),
        (parse_bytes, "M", "must be a number of bytes, for example 65536, 64K, 512M or 2G"),
        (parse_bytes, "1.5M", "must be a number of bytes, for example 65536, 64K, 512M or 2G"),
        (at_least(2, whole, most=3), "1", "must be at least 2"),
        (at_least(2, whole, most=3), "4", "must be at most 3"),
        (count, "0", "must be at least 1"),
        (count, str(1 << 53), "must be at most 9007199254740991"),
        (duration, "-1", "must be at least 0"),
        (duration, "1e10", "must be at most 1000000000"),
        (patience, "0", "must be at least 0.1"),
        (period, "10 parsecs", UNITS),
        (period, "m", UNITS),
        (period, "-1", "must be at least 0 and at most 1000000000 seconds"),
        (period, "nan", "must be at least 0 and at most 1000000000 seconds"),
    ],
)
def test_another_text_is_refused_in_words(kind: Kind, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        kind(text)


def test_a_setting_carries_what_the_command_line_needs() -> None:
    @attrs.frozen
    class Section:
        tea: int = setting(1, "cups of tea", parse=count, former=("cups",))

    (tea,) = attrs.fields(Section)
    assert Section().tea == 1
    assert tea.metadata == {"help": "cups of tea", "parse": count, "choices": (), "former": ("cups",), "repeats": False}
