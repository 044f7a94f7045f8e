"""The file of settings: TOML with the names of flags; each mistake is one line with the file, the line and the key."""

import os
from pathlib import Path
from typing import Any

import pytest

from interpreterd.config_file import SIZE_LIMIT_BYTES, BadFile, ConfigFile
from interpreterd.flags import Chosen, Parser, config_file
from interpreterd.settings import Settings


def read(path: Path, text: str | bytes) -> dict[str, Any]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return ConfigFile.read(str(path)).values(Settings.declared())


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("port = 0", "port", 0),
        ('port = "80"', "port", 80),
        ("grace-s = 0.5", "grace_s", 0.5),
        ("grace_s = 3", "grace_s", 3.0),
        ('context-memory = "512M"', "context_memory", 512 << 20),
        ("context-memory = 33_554_432", "context_memory", 32 << 20),
        ('allow-host = ["a", "b"]', "allow_host", ("a", "b")),
        ('allow-host = "a,b"', "allow_host", ("a", "b")),
        ("allow-host = []", "allow_host", ()),
        ('also-listen = ["127.0.0.1:80", "unix:/a"]', "also_listen", ("127.0.0.1:80", "unix:/a")),
        ("exit-with-parent = true", "exit_with_parent", True),
        ("exit-with-parent = false", "exit_with_parent", False),
        ('"log-level" = "debug"', "log_level", "debug"),
        ("queues-bytes = 4096", "queues_bytes", 4096),
    ],
)
def test_a_value_of_toml_becomes_that_of_the_flag(tmp_path: Path, line: str, name: str, value: Any) -> None:
    assert read(tmp_path / "a.toml", line) == {name: value}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("prot = 1", "prot: unknown key; the nearest one is port"),
        ("zzzzzzzz = 1", "zzzzzzzz: unknown key"),
        ("[http]", "http: unknown key"),
        ("http.port = 1", "http: unknown key"),
        ('port = "x"', "port: must be a whole number"),
        ("port = 1.5", "port: must be a whole number"),
        ("port = true", "port: must be a whole number"),
        ("port = [1]", "port: must be one value, not an array"),
        ("port = 2026-01-01", "port: must be a string or a number"),
        ("grace-s = inf", "grace-s: must be a finite number"),
        ("host = 5", "host: must be a string, in quotes"),
        ("cwd = true", "cwd: must be a string, in quotes"),
        ("allow-host = [1]", "allow-host: must be an array of strings"),
        ("allow-host = 1", "allow-host: must be an array of strings"),
        ('exit-with-parent = "yes"', "exit-with-parent: must be true or false, without quotes"),
        ("exit-with-parent = 1", "exit-with-parent: must be true or false, without quotes"),
        ('log-level = "loud"', "log-level: must be one of debug, info, warning, error"),
        (
            'context-memory = "5 parsecs"',
            "context-memory: must be a number of bytes, for example 65536, 64K, 512M or 2G",
        ),
        ('config = "a.toml"', "config: can only be a flag or a variable"),
        ("queues-bytes = 0", "queues-bytes: must be at least 1"),
        ("port = ", "it is not TOML: Invalid value"),
        ('a = "', "it is not TOML: Illegal character '\\n'"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(BadFile) as caught:
        read(path, f'# a comment\nlog-format = "json"\n{line}\n')
    assert str(caught.value) == f"{path}, line 3: {why}"


def test_the_line_is_that_of_the_key_and_not_of_text_that_looks_like_it(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(BadFile, match="line 7: port: "):
        read(path, 'host = """\nport = 1\n"""\nallow-host = [\n"port = 1",\n]\nport = "x"\n')
    with pytest.raises(BadFile, match="line 1: port: "):
        read(path, '"p\\u006frt" = "x"\n')
    with pytest.raises(BadFile, match="line 2: pool_size: is the same setting as pool-size, which is there too"):
        read(path, "pool-size = 1\npool_size = 2\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"port = 1\n\xff", "{path}, line 2: it is not UTF-8"),
        (b"a = [\n1,\n", "{path}, line 2: it is not TOML: Invalid value at the end of the file"),
        (b"port = 1\nport = 2\n", "{path}, line 2: it is not TOML: Cannot overwrite a value"),
        (b"a = " + b"[" * 100_000, "{path}: its values are nested too deeply"),
        (b"#" * (SIZE_LIMIT_BYTES + 1), f"cannot read {{path}}: it has more than {SIZE_LIMIT_BYTES} bytes"),
    ],
    ids=["not UTF-8", "cut short", "twice", "deep", "large"],
)
def test_what_is_not_toml_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(BadFile) as caught:
        read(path, content)
    assert str(caught.value) == why.format(path=path)


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_what_cannot_be_read_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.toml"
    if kind == "directory":
        path.mkdir()
    with pytest.raises(BadFile, match=f"^cannot read {path}: (No such file or directory|Is a directory)$"):
        ConfigFile.read(str(path))


def found(environ: dict[str, str], path: str | None = None) -> str | None:
    file = config_file(path, environ)
    return None if file is None else file.path


def test_the_systems_file_comes_before_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, home = tmp_path / "etc.toml", tmp_path / "home"
    monkeypatch.setattr("interpreterd.flags.SYSTEM_FILE", str(system))
    mine, other = home / ".config/interpreterd/config.toml", tmp_path / "xdg/interpreterd/config.toml"
    environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert found(environ) is None
    for path in (mine, other):
        path.parent.mkdir(parents=True)
        path.touch()
    assert found(environ) == str(other)
    assert found({"HOME": str(home)}) == str(mine)
    assert found({"HOME": str(home), "XDG_CONFIG_HOME": "xdg"}) == str(mine)
    assert found({}) is None
    system.touch()
    assert found(environ) == str(system)
    assert found(environ, str(mine)) == str(mine)
    assert found(environ, "") is None


def test_a_flag_beats_a_variable_and_that_beats_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("port = 1\npool-size = 1\ngrace-s = 1\njournals-bytes = 10\n")
    environ = {"INTERPRETERD_CONFIG": str(path), "INTERPRETERD_PORT": "2", "INTERPRETERD_POOL_SIZE": "2"}
    chosen = Chosen.by(Parser("interpreterd serve"), ["--port", "3"], environ)
    values = chosen.settings.values()
    assert [values[name] for name in ("port", "pool_size", "grace_s", "journals_total_bytes")] == [3, 2, 1.0, 10]
    assert values["config"] == str(path)
    assert chosen.sources == {
        "port": "--port",
        "pool_size": "INTERPRETERD_POOL_SIZE",
        "grace_s": f"{path}, line 3: grace-s",
        "journals_total_bytes": f"{path}, line 4: journals-bytes, an earlier name",
        "config": "INTERPRETERD_CONFIG",
    }
    assert chosen.outdated == [f"{path}, line 4: journals-bytes is an earlier name of journals-total-bytes"]


def test_a_setting_that_does_not_fit_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'cwd = "{tmp_path}/missing"\n')
    with pytest.raises(SystemExit) as caught:
        Chosen.by(Parser("interpreterd serve"), ["--config", str(path)], {})
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(
        f"interpreterd serve: error: {path}, line 1: cwd: no such directory: {tmp_path}/missing. See"
    )
    assert told.count("\n") == 1


def test_a_file_that_the_user_may_not_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "etc.toml"
    os.mkdir(path)
    monkeypatch.setattr("interpreterd.flags.SYSTEM_FILE", str(path))
    with pytest.raises(BadFile, match="cannot read"):
        config_file(None, {})
