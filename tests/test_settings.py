"""The command line: every setting is a flag and a variable, and a bad value is one clear line."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from interpreterd.__main__ import main
from interpreterd.flags import PREFIX, Chosen, Parser
from interpreterd.processes import guard
from interpreterd.settings import Settings

FLAGS = {field.name: "--" + field.name.replace("_", "-") for field in attrs.fields(Settings)}


@pytest.fixture(autouse=True)
def no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that would start a daemon, and keep the environment's own settings out."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setattr(guard, "start", lambda: pytest.fail("a daemon would start"))


def parse(*arguments: str, **environ: str) -> Settings:
    return Chosen.by(Parser("interpreterd serve"), arguments, environ).settings


def test_without_arguments_every_setting_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = parse()
    assert settings == Settings()
    assert (settings.host, settings.port, settings.cwd) == ("127.0.0.1", 3987, str(tmp_path))


VALUES: list[tuple[str, str, Any]] = [
    ("host", "0.0.0.0", "0.0.0.0"),
    ("port", "0", 0),
    ("port", "65535", 65535),
    ("unix_socket", "/tmp/../a.sock", "/a.sock"),
    ("unix_socket", "/" + "a" * 106, "/" + "a" * 106),
    ("cwd", "/usr/../tmp", "/tmp"),
    ("base_path", "/a/b/", "/a/b"),
    ("base_path", "a", "/a"),
    ("base_path", "/", ""),
    ("python", "/opt/python", "/opt/python"),
    ("log_format", "json", "json"),
    ("log_level", "debug", "debug"),
    ("allow_origin", "http://a, https://b:1,,", ("http://a", "https://b:1")),
    ("allow_host", "*", ("*",)),
    ("body_limit_bytes", "1", 1),
    ("max_connections", "7", 7),
    ("keep_alive_s", "0.1", 0.1),
    ("head_timeout_s", "2.5", 2.5),
    ("body_timeout_s", "90", 90.0),
    ("launcher", "fork", "fork"),
    ("preload", "numpy, pandas", ("numpy", "pandas")),
    ("pool_size", "0", 0),
    ("max_contexts", "5", 5),
    ("queue_limit", "6", 6),
    ("queue_bytes", "8M", 8 << 20),
    ("queues_bytes", "1g", 1 << 30),
    ("journal_bytes", "64K", 64 << 10),
    ("journals_bytes", "1G", 1 << 30),
    ("heartbeat_s", "5", 5.0),
    ("code_limit_bytes", "64k", 64 << 10),
    ("context_memory", "512M", 512 << 20),
    ("context_memory", "16777216", 16 << 20),
    ("context_processes", "64", 64),
    ("context_cpu_s", "0.5", 0.5),
    ("context_output_bytes", "2G", 2 << 30),
    ("backlog_limit_bytes", "7", 7),
    ("grace_s", "0.5", 0.5),
    ("start_timeout_s", "0", 0.0),
    ("first_message_timeout_s", "1e1", 10.0),
    ("start_timeout_s", "1e9", 1e9),
    ("queue_limit", str((1 << 53) - 1), (1 << 53) - 1),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert getattr(parse(f"{FLAGS[name]}={text}"), name) == value
    assert getattr(parse(**{PREFIX + name.upper(): text}), name) == value


def test_every_setting_is_tried_here() -> None:
    assert {name for name, _, _ in VALUES} | {"exit_with_parent"} == set(FLAGS)


def test_a_flag_beats_its_variable() -> None:
    assert parse("--port", "1", INTERPRETERD_PORT="2").port == 1


@pytest.mark.parametrize(
    ("arguments", "variable", "value"),
    [
        ([], None, False),
        (["--exit-with-parent"], None, True),
        ([], "1", True),
        ([], "TRUE", True),
        ([], "off", False),
        ([], "", False),
        (["--no-exit-with-parent"], "yes", False),
    ],
)
def test_a_switch(arguments: list[str], variable: str | None, value: bool) -> None:
    environ = {} if variable is None else {"INTERPRETERD_EXIT_WITH_PARENT": variable}
    assert parse(*arguments, **environ).exit_with_parent is value


BAD = [
    ("port", "x"),
    ("port", "-1"),
    ("port", "65536"),
    ("port", ""),
    ("port", "80.5"),
    ("unix_socket", "/" + "a" * 107),
    ("unix_socket", "/" + "ä" * 54),
    ("log_format", "xml"),
    ("log_level", "loud"),
    ("body_limit_bytes", "0"),
    ("max_connections", "0"),
    ("keep_alive_s", "0"),
    ("head_timeout_s", "0.01"),
    ("body_timeout_s", "-1"),
    ("pool_size", "-1"),
    ("max_contexts", "many"),
    ("queue_limit", "1.5"),
    ("code_limit_bytes", "0K"),
    ("code_limit_bytes", "M"),
    ("context_memory", "1M"),
    ("context_memory", "512MiB"),
    ("context_memory", "-1G"),
    ("context_processes", "0"),
    ("context_cpu_s", "0"),
    ("context_cpu_s", "inf"),
    ("context_cpu_s", "nan"),
    ("context_output_bytes", "1.5M"),
    ("backlog_limit_bytes", "-5"),
    ("grace_s", "-0.1"),
    ("grace_s", "nan"),
    ("start_timeout_s", "soon"),
    ("first_message_timeout_s", "-inf"),
    ("heartbeat_s", "inf"),
    ("heartbeat_s", "nan"),
    ("heartbeat_s", "1e10"),
    ("keep_alive_s", "1e10"),
    ("head_timeout_s", "1e10"),
    ("body_timeout_s", "1e10"),
    ("grace_s", "Infinity"),
    ("start_timeout_s", "1e300"),
    ("first_message_timeout_s", "1e999"),
    ("context_cpu_s", "1e18"),
    ("context_memory", "99999999999G"),
    ("context_processes", "9" * 30),
    ("max_contexts", "9" * 5000),
    ("pool_size", "18446744073709551616"),
    ("body_limit_bytes", str(1 << 63)),
]


def last_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line of a refusal; argparse's usage stands before it."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()[-1]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_flag_is_named(name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(["serve", f"{FLAGS[name]}={text}"], capsys)
    assert f"error: argument {FLAGS[name]}: " in line
    assert "_at_least" not in line
    assert "<" not in line


@pytest.mark.parametrize(("name", "text"), [*BAD, ("exit_with_parent", "perhaps")])
def test_a_bad_variable_is_named(
    name: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), text)
    assert f"error: {PREFIX}{name.upper()}: " in last_line(["serve"], capsys)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing"
    assert last_line(["serve", "--cwd", str(missing)], capsys) == (
        f"interpreterd serve: error: argument --cwd: no such directory: {missing}. See `interpreterd serve --help`."
    )


@pytest.mark.parametrize("arguments", [["serve", "--colour", "red"], ["serve", "extra"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: " in last_line(arguments, capsys)


def test_help_lists_every_flag_its_default_and_no_surprise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for field in attrs.fields(Settings):
        assert f"{FLAGS[field.name]} " in shown, field.name
        assert field.metadata["help"] in shown, field.name
    assert "[default: 3987]" in shown
    assert "None" not in shown
    assert "INTERPRETERD_PORT" in shown


def test_without_a_command_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "\nCommands:\n  serve " in capsys.readouterr().err


def test_settings_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_the_command_line_imports_neither_the_web_nor_the_event_loop() -> None:
    # The guard is forked from it: what is imported before stays in that process's memory for the daemon's life.
    script = "import sys, interpreterd.start; print({'aiohttp', 'asyncio', 'uvloop'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert shown == "set()\n"
