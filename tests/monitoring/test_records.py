"""What is written down is opened and closed with the daemon."""

from pathlib import Path
from typing import Any

import pytest

from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.records import AuditLogUnusable, written_down
from interpreterd.monitoring.settings import MonitoringSettings


class Flushed:
    """A sink that notes only that it was flushed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def submitted(self, run: Any, request: Any) -> None: ...
    def begun(self, run: Any) -> None: ...
    def ended(self, run: Any) -> None: ...

    def happened(self, happening: Any) -> None:
        self.told.append(happening.name)

    def flush(self) -> None:
        self.told.append("flush")


async def test_the_sinks_are_there_for_the_block(tmp_path: Path) -> None:
    sink, reloads = Flushed(), list[Any]()
    async with written_down(MonitoringSettings(audit_log=str(tmp_path / "audit")), sink, reloads):
        HAPPENINGS.happened("here")
        await reloads[0]()
    HAPPENINGS.happened("afterwards")
    assert sink.told == ["here", "flush"]
    assert (tmp_path / "audit").read_text().count('"here"') == 1
    assert HAPPENINGS.sinks == ()


async def test_without_settings_nothing_is_told() -> None:
    async with written_down(MonitoringSettings(), None, []):
        assert HAPPENINGS.sinks == ()


async def test_an_unusable_file_is_named(tmp_path: Path) -> None:
    settings = MonitoringSettings(audit_log=str(tmp_path))
    with pytest.raises(AuditLogUnusable, match=f"the audit log {tmp_path} cannot be opened: Is a directory"):
        async with written_down(settings, None, []):
            pass
    good = MonitoringSettings(audit_log=str(tmp_path / "audit"))
    async with written_down(good, None, []):
        with pytest.raises(AuditLogUnusable, match="in use by another daemon"):
            async with written_down(good, None, []):
                pass
    assert HAPPENINGS.sinks == ()
