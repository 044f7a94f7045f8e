"""``run`` reads code from a file, and turns an execution's outcome into an exit status."""

from pathlib import Path

import click
import pytest
from attrs import evolve
from command import interpreterd

from interpreterd.cli.run import TIMED_OUT, decode_source, execution_json, exit_status, parse_pairs
from interpreterd.client import Execution, Failure, Outcome

DONE = Execution(id="e", context_id="default", outcome=Outcome.COMPLETED, stdout="", stderr="")
RAISED = Failure(name="ValueError", value="why", traceback="")
TIMEOUT = Failure(name="TimeoutError", value="execution timed out after 1 s", traceback="")


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ("# coding: latin-1\r\nprint('é')\r\n".encode("latin-1"), "# coding: latin-1\nprint('é')\n"),
        (b"\xef\xbb\xbfx = 1\rif x:\r    print('one')\r", "x = 1\nif x:\n    print('one')\n"),
        (b"\xef\xbb\xbf", ""),
        (b"\xef\xbb\xbf# nothing\r\n", "# nothing\n"),
    ],
    ids=["its own encoding", "lines of other systems", "a mark alone", "a comment"],
)
def test_a_source_is_read_as_python_does(data: bytes, source: str) -> None:
    assert decode_source(data, "a.py") == source


@pytest.mark.parametrize("data", [b"print('\xff')", b"# coding: nonsense\n"])
def test_what_is_no_source_is_told_with_its_name(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_bytes(data)
    ran = interpreterd("run", str(tmp_path / "bad.py"))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"interpreterd: {tmp_path}/bad.py is not Python source: ")
    ran = interpreterd("run", str(tmp_path / "none.py"))
    assert ran.stderr == f"interpreterd: cannot read {tmp_path}/none.py: No such file or directory\n"


def test_pairs() -> None:
    assert parse_pairs(("A=1=2", "B=", "A=3"), "--env") == {"A": "3", "B": ""}
    for wrong in ("A", "=A", "=="):
        with pytest.raises(click.BadParameter):
            parse_pairs((wrong,), "--env")


@pytest.mark.parametrize(
    ("outcome", "error", "status"),
    [
        (Outcome.COMPLETED, None, 0),
        (Outcome.COMPLETED, RAISED, 1),
        (Outcome.COMPLETED, TIMEOUT, 1),
        (Outcome.INTERRUPTED, TIMEOUT, TIMED_OUT),
        (Outcome.INTERRUPTED, RAISED, 1),
        (Outcome.LOST, RAISED, 1),
    ],
)
def test_the_exit_status_says_how_it_ended(outcome: Outcome, error: Failure | None, status: int) -> None:
    assert exit_status(evolve(DONE, outcome=outcome, error=error)) == status


def test_for_programs_all_is_told() -> None:
    told = execution_json(evolve(DONE, error=RAISED))
    assert (told["contextId"], told["outcome"], told["error"]) == (
        "default",
        "completed",
        {"name": "ValueError", "value": "why", "traceback": ""},
    )
