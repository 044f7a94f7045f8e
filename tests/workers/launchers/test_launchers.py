"""The table of launchers: its names are the choices of ``--launcher``; to read it imports no launcher."""

import subprocess
import sys

import pytest

from interpreterd.cli.serve import command
from interpreterd.flags import Chosen, Parser
from interpreterd.workers.launchers import LAUNCHERS, effective_launcher
from interpreterd.workers.settings import WorkerSettings

HEAVY = ("asyncio", "aiohttp", "logging", "orjson", "socket", "uvloop", "interpreterd.workers.launcher")


@pytest.mark.parametrize("name", LAUNCHERS)
def test_each_row_is_a_choice_which_the_help_explains(name: str) -> None:
    assert Chosen.by(Parser("serve"), ["--launcher", name], {}).settings.workers.launcher == name
    assert Chosen.by(Parser("serve"), [], {"INTERPRETERD_LAUNCHER": name}).settings.workers.launcher == name
    (option,) = [option for option in command.params if option.name == "launcher"]
    assert f"{name} {LAUNCHERS[name].summary}" in option.help  # type: ignore[attr-defined]
    assert name in option.type.choices  # type: ignore[attr-defined]


def test_what_is_no_row_is_no_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Chosen.by(Parser("serve"), ["--launcher", "toy"], {})
    said = capsys.readouterr().err
    assert all(name in said for name in LAUNCHERS)
    with pytest.raises(SystemExit):
        Chosen.by(Parser("serve"), [], {"INTERPRETERD_LAUNCHER": "toy"})


def test_to_read_the_table_imports_nothing_that_is_large() -> None:
    code = f"import sys, interpreterd.workers.launchers; print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert said.stdout == "[]\n"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_modules_are_preloaded_by_a_launcher_that_can(launcher: str) -> None:
    assert effective_launcher(WorkerSettings(launcher=launcher)) == launcher
    used = effective_launcher(WorkerSettings(launcher=launcher, preload=("json",)))
    assert LAUNCHERS[used].preloads
    assert used == launcher or not LAUNCHERS[launcher].preloads
