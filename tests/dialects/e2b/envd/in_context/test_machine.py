"""What a command finds: its environment, and the machine."""

import os

import pytest

from interpreterd.dialects.e2b.envd.in_context import machine


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOO", "bar")
    assert machine.environment()["FOO"] == "bar"


def test_the_use_of_the_machine_is_plausible() -> None:
    for _ in range(2):
        found = machine.metrics()
        assert found["cpu_count"] == os.cpu_count()
        assert 0 <= found["cpu_used_pct"] <= 100
        assert 0 < found["mem_used"] <= found["mem_total"]
        assert found["mem_used_mib"] == found["mem_used"] >> 20
        assert 0 < found["disk_used"] <= found["disk_total"]
