"""The settings of workers: valid and invalid values of flags and variables."""

from typing import Any

import attrs
import pytest
from said import refusal, said

from interpreterd.workers.settings import WorkerSettings

VALUES: list[tuple[str, str, Any]] = [
    ("python", "/opt/python", "/opt/python"),
    ("launcher", "fork", "fork"),
    ("preload", "numpy, pandas", ("numpy", "pandas")),
    ("pool_size", "0", 0),
    ("start_timeout_s", "0", 0.0),
    ("start_timeout_s", "1e9", 1000000000.0),
]
BAD = [
    ("pool_size", "-1"),
    ("start_timeout_s", "soon"),
    ("start_timeout_s", "1e300"),
    ("pool_size", "18446744073709551616"),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert said(name, text) == value


def test_every_setting_is_tried_here() -> None:
    assert {name for name, _, _ in VALUES} == set(attrs.fields_dict(WorkerSettings))


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_by_name(name: str, text: str) -> None:
    assert refusal(name, text).startswith(("must be ", "invalid choice: "))
