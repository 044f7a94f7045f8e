"""Commands run in a worker of each Python, without a daemon: the test plays the dialect."""

import base64
import os
from pathlib import Path

import pytest
from worker_driver import DrivenWorker, Ran

from interpreterd.dialects.e2b.envd.helpers import source

CODE = source("command")


def run(worker: DrivenWorker, script: str, *, cwd: str = "", program: str = "/bin/sh", more: str = "") -> None:
    """Start a command that runs ``script``, and let it begin."""
    worker.start_asking(f"{CODE}\nrun({program!r}, ['-c', {script!r}], {{'FOO': 'ä b'}}, {cwd!r}{more})")


def begin(worker: DrivenWorker) -> int:
    """Let the command begin; return its pid."""
    question = worker.asked()
    what, pid = question["prompt"].split()
    assert what == "started"
    worker.answer(question, "")
    return int(pid)


def obey(worker: DrivenWorker, *instructions: str) -> list[str]:
    """Let the command obey; return what it has said before each, and at last."""
    said = []
    for instruction in instructions:
        question = worker.asked()
        said.append(question["prompt"])
        worker.answer(question, instruction)
    return said


def end(worker: DrivenWorker) -> Ran:
    """Return how it ended; a question that it has asked meanwhile is never answered."""
    pieces = []
    while (message := worker.receive()) is not None and message["type"] == "asked":
        pieces += worker.output()
    return Ran(message, pieces + worker.output())


def status(ran: Ran) -> str | None:
    return None if ran.error is None else f"{ran.error['name']} {ran.error['value']}"


def test_its_output_environment_directory_and_end(worker: DrivenWorker, tmp_path: Path) -> None:
    run(worker, 'echo "$FOO"; pwd; echo oops >&2', cwd=str(tmp_path))
    begin(worker)
    ran = end(worker)
    assert (ran.stdout, ran.stderr, status(ran)) == (f"ä b\n{tmp_path}\n", "oops\n", None)


@pytest.mark.parametrize(
    ("script", "how"),
    [("exit 3", "SystemExit exit 3"), ("kill -9 $$", "SystemExit signal 9"), ("kill -USR1 $$", "SystemExit signal 10")],
)
def test_how_it_ends(edge_worker: DrivenWorker, script: str, how: str) -> None:
    run(edge_worker, script)
    begin(edge_worker)
    assert status(end(edge_worker)) == how


def test_what_it_leaves_running_is_told_and_waited_for(edge_worker: DrivenWorker) -> None:
    read_fd, write_fd = os.pipe()
    run(edge_worker, f"read x <&3 3</proc/{os.getpid()}/fd/{read_fd} >/dev/null 2>&1 & exit 0")
    begin(edge_worker)
    assert status(end(edge_worker)) == "SystemExit exit 0 left"
    edge_worker.start("wait_for_all(); print('all')")
    os.write(write_fd, b"\n")
    assert end(edge_worker).stdout == "all\n"
    os.close(read_fd)
    os.close(write_fd)


def given(data: bytes) -> str:
    """Return the instruction that gives input."""
    return f"input {base64.b64encode(data).decode()}"


def test_its_input(worker: DrivenWorker) -> None:
    run(worker, "cat", more=", stdin=True")
    begin(worker)
    left = b"one\n" + b"\xff" * 200_000
    said = obey(worker, given(left))
    while (question := worker.asked())["prompt"]:  # a slow machine
        left = left[int(question["prompt"].removeprefix("took ")) :]
        worker.answer(question, given(left))
    worker.answer(question, "close")
    assert said == [""]
    ran = end(worker)
    assert b"".join(data for _, data in ran.pieces) == b"one\n" + b"\xff" * 200_000


@pytest.mark.parametrize("more", [", stdin=True", ", size=(24, 80)"])
def test_a_command_that_does_not_read_obeys(edge_worker: DrivenWorker, more: str) -> None:
    run(edge_worker, "stty raw -echo 2>/dev/null; echo on; exec sleep 1000", more=more)
    begin(edge_worker)
    edge_worker.until("on")
    _, said, again = obey(edge_worker, given(b"x" * 200_000), given(b"x"), "signal 15")
    assert said.startswith("took ")
    assert 0 < int(said.removeprefix("took ")) < 200_000
    assert again == "took 0"
    assert status(end(edge_worker)) == "SystemExit signal 15"


def test_without_input_its_stdin_is_at_its_end(edge_worker: DrivenWorker) -> None:
    run(edge_worker, "read line || echo end; exec sleep 1000")
    begin(edge_worker)
    edge_worker.until("end")
    assert obey(edge_worker, "input aGk=", "size 1 1", "nonsense", "input !", "signal 15")[1:] == [
        "the command has no stdin, or it is closed",
        "the command has no terminal",
        "",
        "the command has no stdin, or it is closed",
    ]
    assert status(end(edge_worker)) == "SystemExit signal 15"


def test_it_has_a_terminal(worker: DrivenWorker) -> None:
    run(worker, "stty size; read line; stty size; test -t 1 && echo end $line", more=", size=(24, 80)")
    begin(worker)
    worker.until("24 80\r\n")
    assert worker.output()
    obey(worker, "size 30 100", f"input {base64.b64encode(b'go' + chr(10).encode()).decode()}")
    ran = end(worker)
    assert ran.stdout.replace("\r", "") == "go\n30 100\nend go\n"
    assert status(ran) is None


@pytest.mark.parametrize(
    ("command", "envs", "cwd", "sentence"),
    [
        ("nowhere", {}, "", "there is no program of the name nowhere"),
        ("/etc/passwd", {}, "", "there is no program of the name /etc/passwd"),
        ("sh", {"PATH": "/nowhere"}, "", "there is no program of the name sh"),
        ("sh", {}, "/nowhere", "cwd must be an existing directory, not /nowhere"),
        ("sh", {"A": "\0"}, "", "neither the command nor its environment may have a NUL"),
        ("sh", {"A=B": ""}, "", "names of environment variables must not be empty or have a '='"),
    ],
)
def test_what_cannot_be_started_is_refused(
    edge_worker: DrivenWorker, command: str, envs: dict[str, str], cwd: str, sentence: str
) -> None:
    edge_worker.start_asking(f"{CODE}\nrun({command!r}, [], {envs!r}, {cwd!r})")
    question = edge_worker.asked()
    assert question["prompt"] == f"refused invalid_argument {sentence}"
    edge_worker.answer(question, "")
    assert status(end(edge_worker)) is None


def test_a_file_that_is_no_program_ends_as_a_shell_says(edge_worker: DrivenWorker, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text("#!/nowhere/at/all\n")
    path.chmod(0o755)
    run(edge_worker, "", program=str(path))
    begin(edge_worker)
    ran = end(edge_worker)
    assert (ran.stderr, status(ran)) == (f"{path}: No such file or directory\n", "SystemExit exit 127")


def test_its_signals_are_those_of_a_new_process(edge_worker: DrivenWorker) -> None:
    run(edge_worker, "grep -E 'Sig(Blk|Ign)' /proc/self/status")
    begin(edge_worker)
    masks = [int(line.split()[1], 16) for line in end(edge_worker).stdout.splitlines()]
    reserved = 1 << 31 | 1 << 32  # glibc keeps signals 32 and 33 for itself: nptl(7)
    assert [mask & ~reserved for mask in masks] == [0, 0]
