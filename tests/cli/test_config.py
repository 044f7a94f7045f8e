"""``interpreterd config`` shows each setting and its source."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command import interpreterd

from interpreterd.__main__ import main
from interpreterd.cli.config import effective
from interpreterd.flags import Chosen, Parser
from interpreterd.processes import guard
from interpreterd.settings import Settings


def chosen(*arguments: str, **environ: str) -> dict[str, tuple[Any, str]]:
    return effective(Chosen.by(Parser("interpreterd config"), arguments, environ))


def test_each_setting_says_where_it_is_from() -> None:
    settings = chosen("--port", "0", "--no-exit-with-parent", INTERPRETERD_PORT="5", INTERPRETERD_GRACE_S="1")
    assert list(settings) == [setting.name for setting in Settings.declared()]
    assert settings.pop("port") == (0, "--port")
    assert settings.pop("exit_with_parent") == (False, "--exit-with-parent")
    assert settings.pop("grace_s") == (1.0, "INTERPRETERD_GRACE_S")
    defaults = Settings().values()
    assert settings == {name: (defaults[name], "default") for name in settings}


def test_a_setting_given_by_an_earlier_name_says_so() -> None:
    settings = chosen("--journals-bytes", "2M", INTERPRETERD_QUEUES_BYTES="3M")
    assert settings["journals_total_bytes"] == (2 << 20, "--journals-bytes, an earlier name")
    assert settings["queues_total_bytes"] == (3 << 20, "INTERPRETERD_QUEUES_BYTES, an earlier name")
    assert "journals_bytes" not in settings


def test_modules_to_preload_choose_the_launcher() -> None:
    settings = chosen(INTERPRETERD_PRELOAD="numpy", INTERPRETERD_LAUNCHER="spawn")
    assert settings["launcher"] == ("fork", "INTERPRETERD_PRELOAD")
    assert chosen("--launcher", "fork")["launcher"] == ("fork", "--launcher")


def test_config_shows_them() -> None:
    flags = ["config", "--body-limit-bytes", "2M", "--allow-host", "a,b"]
    out = interpreterd(*flags, INTERPRETERD_HOST="::1").stdout
    text = interpreterd(*flags, "--json", INTERPRETERD_HOST="::1").stdout
    rows = [row.split(maxsplit=1) for row in out.splitlines()]
    shown = {name: " ".join(rest.split()) for name, rest in rows}
    assert shown["SETTING"] == "VALUE FROM"
    assert shown["host"] == "::1 INTERPRETERD_HOST"
    assert shown["body-limit-bytes"] == "2 MiB --body-limit-bytes"
    assert shown["allow-host"] == "a, b --allow-host"
    assert shown["context-memory"] == "- default"
    settings = json.loads(text)
    assert len(settings) == len(rows) - 1
    assert settings["body_limit_bytes"] == {"value": 2 << 20, "source": "--body-limit-bytes"}
    assert settings["allow_host"] == {"value": ["a", "b"], "source": "--allow-host"}


@pytest.mark.parametrize(
    ("arguments", "variables", "mistake"),
    [
        (["--port", "x"], {}, "argument --port: must be a whole number"),
        (["--heartbeat-s", "soon"], {}, "argument --heartbeat-s: must be a number"),
        (
            ["--context-memory", "5X"],
            {},
            "argument --context-memory: must be a number of bytes, for example 65536, 64K, 512M or 2G",
        ),
        (["--cwd", "/nowhere"], {}, "argument --cwd: no such directory: /nowhere"),
        ([], {"INTERPRETERD_PORT": "70000"}, "INTERPRETERD_PORT: must be a port from 0 to 65535"),
        (["--colour"], {}, "unrecognized arguments: --colour"),
    ],
)
def test_config_tells_a_mistake_as_serve_does(
    arguments: list[str],
    variables: dict[str, str],
    mistake: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "start", lambda: pytest.fail("a daemon would start"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for command in ("config", "serve"):
        with pytest.raises(SystemExit) as caught:
            main([command, *arguments])
        told = f"interpreterd {command}: error: {mistake}. See `interpreterd {command} --help`.\n"
        assert (caught.value.code, *capsys.readouterr()) == (2, "", told)


def test_check_says_whether_a_file_is_right(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('port = 0\nqueues-bytes = "3M"\n')
    for arguments, variables in (
        (["--check", str(path)], {}),
        ([f"--check={path}"], {}),
        (["--check", "--config", str(path)], {}),
        (["--check"], {"INTERPRETERD_CONFIG": str(path)}),
    ):
        ran = interpreterd("config", *arguments, **variables)
        note = f"interpreterd: warning: {path}, line 2: queues-bytes is an earlier name of queues-total-bytes\n"
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{path}: ok\n", note)
    assert interpreterd("config", "--check", "--config", "").stdout == "no file of settings: ok\n"


def test_check_tells_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.toml"
    path.write_text("pool-siez = 0\n")
    with pytest.raises(SystemExit) as caught:
        main(["config", "--check", str(path)])
    told = f"{path}, line 1: pool-siez: unknown key; the nearest one is pool-size"
    told = f"interpreterd config: error: {told}. See `interpreterd config --help`.\n"
    assert (caught.value.code, *capsys.readouterr()) == (2, "", told)


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser has users for contexts")
def test_a_range_of_users_is_shown_as_it_is_written() -> None:
    for flags in ([], ["--json"]):
        assert "1234567-1234568" in interpreterd("config", "--isolation-uids", "1234567-1234568", *flags).stdout
