"""``run`` and ``contexts`` with a daemon: output as it comes, exit status, signals."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from command import interpreterd
from harness import COMMAND, Gate
from terminal import run, running


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


def test_run_what_does_nothing(url: str, tmp_path: Path) -> None:
    for source in (b"", b"\xef\xbb\xbf", b"\n", b"# nothing", b"\xef\xbb\xbf# nothing\r\n", b" \f\n"):
        (tmp_path / "script.py").write_bytes(source)
        ran = interpreterd("run", str(tmp_path / "script.py"), url=url)
        assert (source, ran.returncode, ran.stdout, ran.stderr) == (source, 0, "", "")
    for arguments in (["-"], ["-c", ""]):
        ran = interpreterd("run", *arguments, url=url)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_run_what_comes_on_stdin_with_variables(url: str) -> None:
    code = b"import os; print(os.environ['A'], os.environ['B'])"
    assert interpreterd("run", "--env", "A=1=2", "--env", "B=", "-", url=url, stdin=code).stdout == "1=2 \n"


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


def test_run_locally_with_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs in the current directory, also if the path for temporary files is long."""
    place = tmp_path / ("x" * 100)
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    ran = run([str(COMMAND), "run", "--local", "-c", "import os; print(os.getcwd())"], cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{tmp_path}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_code_too(number: int, url: str, tmp_path: Path) -> None:
    code = f"try:\n    print('on')\n    while True: pass\nfinally: open({str(tmp_path / 'end')!r}, 'w').close()"
    command = [str(COMMAND), "run", "--url", url, "-c", code]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.send_signal(number)
        assert process.wait() == 128 + number
    interpreterd("run", "-c", "pass", url=url)  # it runs after the other execution has ended
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


def test_a_refusal_is_one_line(url: str) -> None:
    ran = interpreterd("run", "--context", "nowhere", "-c", "1", url=url)
    assert (ran.returncode, ran.stderr) == (1, "interpreterd: Context not found: nowhere\n")


ID_CHARS = 36


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


def test_a_shell_completes_ids_of_contexts(url: str) -> None:
    id = interpreterd("contexts", "create", url=url).stdout.strip()
    words = {"COMP_WORDS": f"interpreterd run --context {id[:8]}", "COMP_CWORD": "3"}
    assert interpreterd(url=url, _INTERPRETERD_COMPLETE="bash_complete", **words).stdout == f"plain,{id}\n"
