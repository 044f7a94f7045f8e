"""The command line as a person or a script uses it: processes, their output, their exit status."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from harness import COMMAND, Gate
from terminal import Terminal, run, running

from interpreterd.cli.main import COMMANDS, cli
from interpreterd.cli.repl import indentation, is_complete

ID_CHARS = 36


def interpreterd(*arguments: str, url: str | None = None, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the command; ``url`` as its variable."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INTERPRETERD"))}
    return run([str(COMMAND), *arguments], env=env | ({"INTERPRETERD_URL": url} if url else {}), **options)


# run


def test_run_streams_to_both(url: str) -> None:
    ran = interpreterd("run", "-c", "import sys; print('out ü'); print('err', file=sys.stderr)", url=url)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "out ü\n", "err\n")


def test_run_keeps_the_state_of_the_context(url: str) -> None:
    interpreterd("run", "-c", "x = 20", url=url)
    assert interpreterd("run", "-c", "print(x + 1)", url=url).stdout == "21\n"
    other = interpreterd("contexts", "create", url=url).stdout.strip()
    ran = interpreterd("run", "--context", other, "-c", "print(x)", url=url)
    assert ran.returncode == 1
    assert ran.stderr.endswith("NameError: name 'x' is not defined\n")


def test_run_a_file_in_its_own_encoding(url: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_bytes("# coding: latin-1\r\nprint('é')\r\n".encode("latin-1"))
    assert interpreterd("run", str(tmp_path / "script.py"), url=url).stdout == "é\n"
    (tmp_path / "bad.py").write_bytes(b"print('\xff')")
    ran = interpreterd("run", str(tmp_path / "bad.py"), url=url)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"interpreterd: {tmp_path}/bad.py is not Python source: ")


@pytest.mark.parametrize("source", [b"", b"\xef\xbb\xbf", b"\n", b"# nothing", b"\xef\xbb\xbf# nothing\r\n", b" \f\n"])
def test_run_a_file_that_does_nothing(url: str, tmp_path: Path, source: bytes) -> None:
    (tmp_path / "script.py").write_bytes(source)
    ran = interpreterd("run", str(tmp_path / "script.py"), url=url)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_run_nothing_from_stdin_and_from_the_command_line(url: str) -> None:
    for arguments in (["-"], ["-c", ""]):
        ran = interpreterd("run", *arguments, url=url, input="")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_run_a_file_whose_lines_end_as_on_other_systems(url: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_bytes(b"\xef\xbb\xbfx = 1\rif x:\r    print('one')\r")
    assert interpreterd("run", str(tmp_path / "script.py"), url=url).stdout == "one\n"


def test_run_what_comes_on_stdin_with_variables(url: str) -> None:
    code = "import os; print(os.environ['A'], os.environ['B'])"
    assert interpreterd("run", "--env", "A=1=2", "--env", "B=", "-", url=url, input=code).stdout == "1=2 \n"


def test_run_fails_as_the_code_does(url: str) -> None:
    ran = interpreterd("run", "-c", "print('before')\n1 / 0", url=url)
    assert (ran.returncode, ran.stdout) == (1, "before\n")
    assert ran.stderr.startswith("Traceback (most recent call last):\n")
    assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_run_that_takes_too_long(url: str) -> None:
    ran = interpreterd("run", "--timeout", "1", "-c", "print('before')\nwhile True: pass", url=url)
    assert (ran.returncode, ran.stdout) == (124, "before\n")
    assert ran.stderr.splitlines()[-1].startswith("interpreterd: interrupted: ")


def test_run_whose_worker_dies(url: str) -> None:
    ran = interpreterd("run", "-c", "import os; os._exit(3)", url=url)
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, "interpreterd: lost: exit status 3")


def test_run_for_programs(url: str) -> None:
    ran = interpreterd("run", "--json", "-c", "print(1)\n1 / 0", url=url)
    told = json.loads(ran.stdout)
    assert (ran.returncode, ran.stderr, told["stdout"], told["outcome"]) == (1, "", "1\n", "completed")
    assert (told["contextId"], told["error"]["name"]) == ("default", "ZeroDivisionError")


def test_run_locally_with_nothing_running(tmp_path: Path) -> None:
    ran = interpreterd("run", "--local", "-c", "import os; print(os.getcwd())", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{tmp_path}\n", "")


def test_run_locally_where_the_path_of_temporary_files_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / ("x" * 100)
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    ran = interpreterd("run", "--local", "-c", "print(1)")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_code_too(number: int, url: str, tmp_path: Path) -> None:
    code = f"try:\n    print('on')\n    while True: pass\nfinally: open({str(tmp_path / 'end')!r}, 'w').close()"
    command = [str(COMMAND), "run", "--url", url, "-c", code]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.send_signal(number)
        assert process.wait() == 128 + number
    interpreterd("run", "-c", "pass", url=url)  # its turn comes when the other has ended
    assert (tmp_path / "end").exists()


def test_a_second_interrupt_leaves_at_once(url: str, gate: Gate) -> None:
    on = "print('on')\n    while True: pass"
    code = f"try:\n    {on}\nexcept KeyboardInterrupt:\n    print('once')\n    {gate.wait}"
    command = [str(COMMAND), "run", "--url", url, "-c", code]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"once\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    gate.open()


def test_run_into_a_pipe_that_closes(url: str) -> None:
    command = f"'{COMMAND}' run --url {url} -c 'while True: print(1)' | head -1"
    ran = run(["sh", "-c", command])
    assert (ran.stdout, ran.stderr) == ("1\n", "")
    assert interpreterd("run", "-c", "print('free')", url=url).stdout == "free\n"


# Wrong usage, and a daemon that is not there


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
    ran = interpreterd(*arguments, stdin=subprocess.DEVNULL)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr
    assert arguments[0] == "serve" or ran.stderr.count("\n") == 1


def test_nobody_there_says_what_to_do(tmp_path: Path) -> None:
    ran = interpreterd("run", "-c", "1", url=f"unix:{tmp_path}/none")
    what = f"no daemon answers at unix:{tmp_path}/none (No such file or directory)"
    how = f"start one with `interpreterd serve --unix-socket {tmp_path}/none`, or use --local"
    assert (ran.returncode, ran.stderr) == (1, f"interpreterd: {what}: {how}\n")


def test_a_refusal_is_one_line(url: str) -> None:
    ran = interpreterd("run", "--context", "nowhere", "-c", "1", url=url)
    assert (ran.returncode, ran.stderr) == (1, "interpreterd: Context not found: nowhere\n")


# contexts


def test_a_contexts_life(url: str, tmp_path: Path) -> None:
    assert (interpreterd("run", "-c", "pass", url=url)).returncode == 0
    options = ["--cwd", str(tmp_path), "--label", "user=ada", "--env", "A=1", "--memory", "512M", "--cpu-s", "2.5"]
    id = interpreterd("contexts", "create", *options, url=url).stdout.strip()
    assert len(id) == ID_CHARS
    head, *rows = interpreterd("contexts", url=url).stdout.splitlines()
    assert head.split()[:3] == ["CONTEXT", "STATE", "RUNS"]
    assert [row.split()[:2] for row in rows if "ada" in row] == [[id, "idle"]]
    listed = json.loads(interpreterd("contexts", "list", "--label", "user=ada", "--json", url=url).stdout)
    assert [context["id"] for context in listed] == [id]
    shown = json.loads(interpreterd("contexts", "show", "--json", id, url=url).stdout)
    assert shown["limits"] == {"memoryBytes": 512 << 20, "cpuSeconds": 2.5}
    assert f"cwd             {tmp_path}\n" in interpreterd("contexts", "show", id, url=url).stdout
    assert interpreterd("run", "--context", id, "-c", "import os; print(os.environ['A'])", url=url).stdout == "1\n"
    assert interpreterd("contexts", "restart", "--cancel-queued", id, url=url).stdout == f"restarted {id}\n"
    assert interpreterd("contexts", "delete", id, url=url).stdout == f"deleted {id}\n"
    assert interpreterd("contexts", "delete", id, url=url).stderr == f"interpreterd: Context not found: {id}\n"


# Help, version, completion


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str) -> None:
    shown = CliRunner().invoke(cli, [command, "--help"], prog_name="interpreterd").output
    assert shown.startswith(f"Usage: interpreterd {command}")
    assert "Not there yet" not in shown
    assert "Examples:" in shown or command == "version"


def test_version() -> None:
    version = json.loads(interpreterd("version", "--json").stdout)["version"]
    for arguments in (["--version"], ["version"]):
        assert interpreterd(*arguments).stdout.split()[:2] == ["interpreterd", version]


@pytest.mark.parametrize(
    ("words", "cword", "offered"),
    [
        ("interpreterd ", "1", "serve"),
        ("interpreterd run --t", "2", "--timeout"),
        ("interpreterd serve --la", "2", "--launcher"),
    ],
)
def test_a_shell_completes(words: str, cword: str, offered: str) -> None:
    variables = {"_INTERPRETERD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": cword}
    ran = run([str(COMMAND)], env=os.environ | variables)
    assert f"plain,{offered}" in ran.stdout.splitlines()
    assert "_INTERPRETERD_COMPLETE=bash_complete" in interpreterd("completion", "bash").stdout


def test_a_shell_completes_ids_of_contexts(url: str) -> None:
    id = interpreterd("contexts", "create", url=url).stdout.strip()
    variables = {"_INTERPRETERD_COMPLETE": "bash_complete", "COMP_CWORD": "3", "INTERPRETERD_URL": url}
    ran = run([str(COMMAND)], env=os.environ | variables | {"COMP_WORDS": f"interpreterd run --context {id[:8]}"})
    assert ran.stdout == f"plain,{id}\n"


# repl


class Prompt(Terminal):
    """The command at its prompt."""

    def __init__(self, url: str, cwd: Path, *arguments: str) -> None:
        super().__init__([str(COMMAND), "repl", "--url", url, *arguments], cwd, {"XDG_STATE_HOME": str(cwd)})
        self.ready()

    def ready(self) -> None:
        """Wait for an empty prompt."""
        self.until(lambda: self.line == ">>>")

    def enter(self, *lines: str) -> list[str]:
        """Type ``lines``, let them run, and return what is shown below them."""
        for number, line in enumerate(lines):
            self.type(f"{line}\r")
            if number < len(lines) - 1:
                self.until(lambda: self.line.strip() == "...")
        last = "..." if len(lines) > 1 else f">>> {lines[0]}"
        self.until(lambda: self.line == ">>>" and any(line.startswith(last) for line in self.lines))
        return self.lines


def test_a_prompt_keeps_state_and_shows_values(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.enter("x = 20")
        assert prompt.enter("x + 1")[-2] == "21"
        assert prompt.enter("print('a', end='')")[-2] == "a"
        prompt.enter("def double(n):", "return 2 * n", "")
        assert prompt.enter("double(x)")[-2] == "40"
        assert prompt.enter("1 / 0")[-2] == "ZeroDivisionError: division by zero"
        prompt.type("\x04")
        assert prompt.ended() == 0


def test_a_prompt_is_interrupted(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.enter("def spin():", "print('on')", "while True: pass", "")
        prompt.type("spin()\r")
        prompt.until(lambda: "on" in prompt.lines)
        prompt.type("\x03")
        prompt.until(lambda: "KeyboardInterrupt" in prompt.lines and prompt.line == ">>>")
        prompt.type("unfinished(\x03")
        prompt.ready()
        assert prompt.enter("print('goes on')")[-2] == "goes on"
        prompt.type("exit()\r")
        assert prompt.ended() == 0


def test_a_prompt_completes_by_what_the_context_has(url: str, tmp_path: Path) -> None:
    interpreterd("run", "-c", "unmistakable = 'a string'", url=url)
    with Prompt(url, tmp_path) as prompt:
        prompt.type("unmis\t")
        prompt.until(lambda: prompt.line == ">>> unmistakable")
        prompt.type(".swapc\t")
        prompt.until(lambda: prompt.line == ">>> unmistakable.swapcase()")
        prompt.type("\r")
        prompt.until(lambda: "'A STRING'" in prompt.lines)
        prompt.ready()
        prompt.type("\x04")
        assert prompt.ended() == 0
    with Prompt(url, tmp_path) as prompt:  # the history
        prompt.type("\x1b[A")
        prompt.until(lambda: prompt.line.startswith(">>> unmistakable.swapcase()"))


def test_a_prompt_in_a_context_that_is_not_there(url: str, tmp_path: Path) -> None:
    with Terminal([str(COMMAND), "repl", "--url", url, "--context", "nowhere"], tmp_path) as terminal:
        assert terminal.ended() == 1
        assert terminal.lines == ["interpreterd: Context not found: nowhere"]


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        ("x", True),
        ("x(", False),
        ("if x:", False),
        ("if x:\n    y", False),
        ("if x:\n    y\n", True),
        ("if x:\n    y\n    ", True),
        ("if x:\n    y\n    z", False),
        ("'''", False),
        ("x = 1\ny = 2", True),
        ("x = 1\nif y:", False),
        ("x y", True),
        ("'\\", False),
        ("\0", True),
        ("(" * 300, True),
    ],
)
def test_what_is_complete(source: str, complete: bool) -> None:
    assert is_complete(source) is complete


def test_indentation() -> None:
    assert [indentation(line) for line in ("x", "if x:", "    if x: ", "    x")] == ["", "    ", "        ", "    "]
