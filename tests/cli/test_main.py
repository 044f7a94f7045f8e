"""The list of commands, and the message and exit status of each mistake."""

import errno
from pathlib import Path

import click
import pytest
from command import interpreterd

from interpreterd.cli import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["frob"], "No such command 'frob'. See `interpreterd --help`."),
        (["run"], "Give either a FILE, - for stdin, or -c CODE. See `interpreterd run --help`."),
        (["run", "-c", "1", "x.py"], "Give either a FILE, - for stdin, or -c CODE. See `interpreterd run --help`."),
        (["run", "--env", "A", "-c", "1"], "Invalid value for --env: must be NAME=VALUE, not 'A'."),
        (["run", "--timeout", "-1", "-c", "1"], "Invalid value for '--timeout': -1 is not in the range x>=0."),
        (["run", "--url", "nowhere", "-c", "1"], "Invalid value for --url: the daemon's url must be"),
        (
            ["contexts", "create", "--memory", "much"],
            "Invalid value for --memory: must be a size, for example 512M, not 'much'.",
        ),
        (["contexts", "show"], "Missing argument 'ID'."),
        (["completion", "tcsh"], "Invalid value for '{bash|zsh|fish}': 'tcsh' is not one of"),
        (["repl"], "A prompt needs a terminal. A program can use: interpreterd run -."),
        (["serve", "--frob"], "unrecognized arguments: --frob"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], told: str) -> None:
    ran = interpreterd(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr
    assert arguments[0] == "serve" or ran.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["run", "-c", "1"], ["top", "--once"], ["contexts"]], ids=" ".join)
def test_a_daemon_that_does_not_answer_leads_to_advice(tmp_path: Path, command: list[str]) -> None:
    ran = interpreterd(*command, url=f"unix:{tmp_path}/none")
    what = f"no daemon answers at unix:{tmp_path}/none (No such file or directory)"
    how = f"start one with `interpreterd serve --unix-socket {tmp_path}/none`, or use --local"
    assert (ran.returncode, ran.stderr) == (1, f"interpreterd: {what}: {how}\n")


@pytest.mark.parametrize("command", main.COMMANDS)
def test_help_teaches(command: str) -> None:
    shown = interpreterd(command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: interpreterd {command}")
    assert f"\n  Examples:\n    interpreterd {command}" in shown.stdout or command == "version"


def test_only_the_listed_are_commands() -> None:
    assert main.cli.get_command(click.Context(main.cli), "show") is None
    assert main.cli.list_commands(click.Context(main.cli)) == list(main.COMMANDS)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (click.ClickException("it is so"), 1, "interpreterd: it is so\n"),
    ],
)
def test_what_ends_a_command_is_its_status(
    error: BaseException, status: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    assert interpreterd("version") == type(interpreterd("version"))(status, "", told)


def test_a_mistake_of_its_own_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "not there", "a file")

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(FileNotFoundError):
        main.main([])
