"""The settings of contexts: valid and invalid values of flags and variables."""

from typing import Any

import attrs
import pytest
from said import refusal, said

from interpreterd.contexts.settings import ContextSettings

VALUES: list[tuple[str, str, Any]] = [
    ("cwd", "/usr/../tmp", "/tmp"),
    ("max_contexts", "5", 5),
    ("max_running", "4", 4),
    ("max_queued", "100", 100),
    ("max_creations_per_s", "0.5", 0.5),
    ("max_cpu_s_per_day", "86400", 86400.0),
    ("max_memory", "8G", 1 << 33),
    ("queue_limit", "6", 6),
    ("queue_bytes", "8M", 1 << 23),
    ("queues_total_bytes", "1g", 1 << 30),
    ("journal_bytes", "64K", 1 << 16),
    ("journals_total_bytes", "1G", 1 << 30),
    ("code_limit_bytes", "64k", 1 << 16),
    ("context_memory", "512M", 1 << 29),
    ("context_memory", "16777216", 1 << 24),
    ("context_processes", "64", 64),
    ("context_open_files", "64", 64),
    ("context_disk", "1G", 1 << 30),
    ("context_cgroups", "off", "off"),
    ("context_cgroups", "/sys/fs/cgroup/mine", "/sys/fs/cgroup/mine"),
    ("context_cpu_s", "0.5", 0.5),
    ("context_output_bytes", "2G", 1 << 31),
    ("backlog_limit_bytes", "7", 7),
    ("grace_s", "0.5", 0.5),
    ("max_execution_s", "2.5", 2.5),
    ("idle_timeout", "600", 600.0),
    ("max_lifetime", "3600", 3600.0),
    ("call_grace_s", "0", 0.0),
    ("stats_interval_s", "0.5", 0.5),
    ("stats_interval_s", "0", 0.0),
    ("queue_limit", str((1 << 53) - 1), (1 << 53) - 1),
]
BAD = [
    ("max_contexts", "many"),
    ("queue_limit", "1.5"),
    ("code_limit_bytes", "0K"),
    ("code_limit_bytes", "M"),
    ("context_memory", "1M"),
    ("context_memory", "512MiB"),
    ("context_memory", "-1G"),
    ("context_processes", "0"),
    ("context_open_files", "31"),
    ("context_disk", "4K"),
    ("context_cgroups", "mine"),
    ("context_cpu_s", "0"),
    ("max_execution_s", "0"),
    ("idle_timeout", "0"),
    ("max_lifetime", "1h"),
    ("context_cpu_s", "inf"),
    ("context_cpu_s", "nan"),
    ("context_output_bytes", "1.5M"),
    ("backlog_limit_bytes", "-5"),
    ("grace_s", "-0.1"),
    ("stats_interval_s", "0.1"),
    ("stats_interval_s", "-1"),
    ("grace_s", "nan"),
    ("grace_s", "Infinity"),
    ("context_cpu_s", "1e18"),
    ("context_memory", "99999999999G"),
    ("context_processes", "9" * 30),
    ("max_contexts", "9" * 5000),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert said(name, text) == value


def test_every_setting_is_tried_here() -> None:
    assert {name for name, _, _ in VALUES} == set(attrs.fields_dict(ContextSettings))


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_by_name(name: str, text: str) -> None:
    assert refusal(name, text).startswith(("must be ", "invalid choice: "))
