"""The settings of logs: valid and invalid values of flags and variables."""

from typing import Any

import attrs
import pytest
from said import refusal, said

from interpreterd.logs.settings import LogSettings

VALUES: list[tuple[str, str, Any]] = [
    ("log_format", "json", "json"),
    ("log_level", "debug", "debug"),
    ("log_events", "on", "on"),
]
BAD = [
    ("log_format", "xml"),
    ("log_level", "loud"),
    ("log_events", "all"),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert said(name, text) == value


def test_every_setting_is_tried_here() -> None:
    assert {name for name, _, _ in VALUES} == set(attrs.fields_dict(LogSettings))


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_by_name(name: str, text: str) -> None:
    assert refusal(name, text).startswith(("must be ", "invalid choice: "))
