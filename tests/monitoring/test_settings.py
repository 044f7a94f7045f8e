"""The settings of monitoring: valid and invalid values of flags and variables."""

from typing import Any

import attrs
import pytest
from said import parse, refusal, said

from interpreterd.monitoring.settings import MonitoringSettings

VALUES: list[tuple[str, str, Any]] = [
    ("audit_log", "/var/log/audit", "/var/log/audit"),
    ("audit_failure", "count", "count"),
]
SWITCHES = {"metrics": True, "metrics_by_tenant": False, "audit_code": False}
BAD = [
    ("audit_failure", "ignore"),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert said(name, text) == value


@pytest.mark.parametrize(("name", "usual"), SWITCHES.items())
def test_a_switch_has_a_flag_for_yes_and_one_for_no(name: str, usual: bool) -> None:
    flag = name.replace("_", "-")
    assert parse()[name] is usual
    assert parse(f"--{flag}")[name] is True
    assert parse(f"--no-{flag}", **{f"INTERPRETERD_{name.upper()}": "true"})[name] is False


def test_every_setting_is_tried_here() -> None:
    assert {name for name, _, _ in VALUES} | set(SWITCHES) == set(attrs.fields_dict(MonitoringSettings))


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_by_name(name: str, text: str) -> None:
    assert refusal(name, text).startswith(("must be ", "invalid choice: "))
