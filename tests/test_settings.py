"""All settings: one section for each room, read and written by the names of settings."""

import subprocess
import sys
from typing import Any

import attrs
import pytest

from interpreterd.settings import Settings

SECTIONS = [section.type for section in attrs.fields(Settings)]
ROOMS = {f"interpreterd.{room}" for room in ("contexts", "dialects", "http", "logs", "workers")}


def test_a_value_goes_to_the_section_that_has_its_name() -> None:
    settings = Settings.of(port=1, pool_size=2, cwd="/", log_level="debug", exit_with_parent=True)
    assert (settings.http.port, settings.workers.pool_size, settings.contexts.cwd) == (1, 2, "/")
    assert (settings.logs.log_level, settings.process.exit_with_parent) == ("debug", True)
    assert settings.values() == Settings().values() | {
        "port": 1,
        "pool_size": 2,
        "cwd": "/",
        "log_level": "debug",
        "exit_with_parent": True,
    }


@pytest.mark.parametrize("values", [{"colour": "red"}, {"port": 1, "journals_bytes": 1}])
def test_a_name_of_no_setting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"no such settings: {list(values)[-1]}"):
        Settings.of(**values)


def test_no_name_is_in_two_sections() -> None:
    names = [name for setting in Settings.declared() for name in (setting.name, *setting.metadata["former"])]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("section", [Settings, *SECTIONS])
def test_settings_are_frozen(section: Any) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(section(), attrs.fields(section)[0].name, 1)


def test_every_field_of_a_section_is_declared_as_a_setting() -> None:
    for setting in Settings.declared():
        assert set(setting.metadata) == {"help", "parse", "choices", "former", "repeats"}, setting.name


def test_the_command_line_imports_no_room_but_its_settings() -> None:
    # The guard is forked from this process, so all modules imported by then stay in the guard's memory.
    script = "import sys, interpreterd.start; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    modules = set(shown.split())
    assert modules.isdisjoint({"aiohttp", "asyncio", "click", "hashlib", "orjson", "ssl", "uvloop"})
    ours = {module for module in modules if module.startswith("interpreterd.")}
    assert {module for module in ours if module.startswith(tuple(ROOMS))} == {
        *ROOMS,
        *(f"{room}.settings" for room in ROOMS),
        "interpreterd.contexts.state",
        "interpreterd.contexts.state.settings",
        "interpreterd.workers.isolation",
        "interpreterd.workers.isolation.settings",
        "interpreterd.workers.isolation.user_range",
        "interpreterd.workers.launchers",  # the table of launchers, whose names are choices of a flag
    }
    assert not any(
        module.startswith(("interpreterd.model", "interpreterd.client", "interpreterd.cli")) for module in ours
    )
