"""The settings of monitoring: valid and invalid values of flags and variables."""

import attrs
import pytest
from said import parse

from interpreterd.monitoring.settings import MonitoringSettings

SWITCHES = {"metrics": True, "metrics_by_tenant": False}


@pytest.mark.parametrize(("name", "usual"), SWITCHES.items())
def test_a_switch_has_a_flag_for_yes_and_one_for_no(name: str, usual: bool) -> None:
    flag = name.replace("_", "-")
    assert parse()[name] is usual
    assert parse(f"--{flag}")[name] is True
    assert parse(f"--no-{flag}", **{f"INTERPRETERD_{name.upper()}": "true"})[name] is False


def test_every_setting_is_tried_here() -> None:
    assert set(SWITCHES) == set(attrs.fields_dict(MonitoringSettings))
