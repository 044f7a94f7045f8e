"""The command line: every setting has a flag and a variable, and a bad value gives one clear line."""

import os
from pathlib import Path

import attrs
import pytest
from said import parse, refusal

from interpreterd import flags
from interpreterd.__main__ import main
from interpreterd.flags import flag_of, variable_of
from interpreterd.processes import guard
from interpreterd.setting_kinds import VARIABLE_PREFIX, count, setting
from interpreterd.settings import Settings

FLAGS = {setting.name: "--" + setting.name.replace("_", "-") for setting in Settings.declared()}
FORMER = [(earlier, setting.name) for setting in Settings.declared() for earlier in setting.metadata["former"]]


@pytest.fixture(autouse=True)
def no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that would start a daemon, and remove the daemon's variables from the environment."""
    for name in list(os.environ):
        if name.startswith(VARIABLE_PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setattr(guard, "start", lambda: pytest.fail("a daemon would start"))


def test_without_arguments_every_setting_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = parse()
    assert settings == Settings().values()
    assert (settings["host"], settings["port"], settings["cwd"]) == ("127.0.0.1", 3987, str(tmp_path))


def test_a_flag_beats_its_variable() -> None:
    assert parse("--port", "1", INTERPRETERD_PORT="2")["port"] == 1


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
    assert parse(*arguments, **environ)["exit_with_parent"] is value


def test_one_field_of_a_section_is_a_flag_and_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    @attrs.frozen(kw_only=True)
    class TeaSettings:
        cups: int = setting(1, "cups of tea", parse=count, former=("mugs",))

    @attrs.frozen(kw_only=True)
    class MoreSettings(Settings):
        tea: TeaSettings = attrs.Factory(TeaSettings)

    monkeypatch.setattr(flags, "Settings", MoreSettings)
    assert [parse()["cups"], parse("--cups", "3")["cups"], parse(INTERPRETERD_CUPS="4")["cups"]] == [1, 3, 4]
    assert [parse("--mugs", "5")["cups"], parse(INTERPRETERD_MUGS="6")["cups"]] == [5, 6]
    assert refusal("cups", "0") == "must be at least 1"


@pytest.mark.parametrize(("earlier", "name"), FORMER)
def test_an_earlier_name_is_still_taken(earlier: str, name: str) -> None:
    assert parse(flag_of(earlier), "7")[name] == 7
    assert parse(**{variable_of(earlier): "7"})[name] == 7
    assert earlier not in parse()


@pytest.mark.parametrize(("earlier", "name"), FORMER)
def test_of_both_names_the_present_one_counts_in_any_order(earlier: str, name: str) -> None:
    assert parse(flag_of(earlier), "7", flag_of(name), "8")[name] == 8
    assert parse(flag_of(name), "8", flag_of(earlier), "7")[name] == 8
    assert parse(**{variable_of(earlier): "7", variable_of(name): "8"})[name] == 8


@pytest.mark.parametrize(("earlier", "name"), FORMER)
def test_a_flag_of_an_earlier_name_beats_the_variable_of_the_present_one(earlier: str, name: str) -> None:
    assert parse(flag_of(earlier), "7", **{variable_of(name): "8"})[name] == 7


def test_a_bad_value_is_named_by_the_name_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: argument --journals-bytes: " in last_line(["serve", "--journals-bytes", "0"], capsys)
    with pytest.raises(SystemExit):
        parse(INTERPRETERD_QUEUES_BYTES="many")
    assert "error: INTERPRETERD_QUEUES_BYTES: " in capsys.readouterr().err


def last_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line of a refusal. argparse writes its usage before it."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()[-1]


@pytest.mark.parametrize(("name", "text"), [("port", "x"), ("log_level", "loud"), ("context_memory", "1M")])
def test_a_bad_flag_is_named(name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(["serve", f"{FLAGS[name]}={text}"], capsys)
    assert f"error: argument {FLAGS[name]}: " in line
    assert "<" not in line


@pytest.mark.parametrize(("name", "text"), [("port", "x"), ("log_level", "loud"), ("exit_with_parent", "perhaps")])
def test_a_bad_variable_is_named(
    name: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable_of(name), text)
    assert f"error: {variable_of(name)}: " in last_line(["serve"], capsys)


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
    for declared in Settings.declared():
        assert f"{FLAGS[declared.name]} " in shown, declared.name
        # A line may end within a word with a hyphen.
        assert "".join(declared.metadata["help"].split()) in "".join(shown.split()), declared.name
    assert [name for name, _ in FORMER if flag_of(name) in shown] == []
    assert "[default: 3987]" in shown
    assert "None" not in shown
    assert "INTERPRETERD_PORT" in shown


def test_without_a_command_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "\nCommands:\n  serve " in capsys.readouterr().err


def test_no_flag_may_be_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    """A later version may have another flag with the same beginning."""
    for arguments in (["--exit-with-par"], ["--pool", "1"], ["--no-exit"]):
        with pytest.raises(SystemExit) as caught:
            flags.Parser("interpreterd serve").parse_args(arguments)
        assert caught.value.code == 2
        assert "unrecognized arguments" in capsys.readouterr().err
