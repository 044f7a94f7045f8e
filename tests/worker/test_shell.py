"""Commands of cells."""

import os

import pytest
from worker_driver import DrivenWorker


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{name} $name {n + 1}", "bo bo 8"),
        ("$n$$n", "7$n"),
        ("$nobody '$name'", "$nobody '$name'"),
        ("{{name}} {name!r:>5}", "{name}  'bo'"),
        ("{nobody} $name", "{nobody} $name"),
        ("awk '{print $1}' {name}", "awk '{print $1}' {name}"),
        ("$where.name.txt", "x.txt"),
    ],
)
def test_variables_are_put_in(worker: DrivenWorker, text: str, expected: str) -> None:
    worker.printed("class where: name = 'x'\nname, n = 'bo', 7")
    assert worker.printed(f"%set_env RESULT {text}") == f"env: RESULT={expected}\n"


def test_output_arrives_while_it_runs(worker: DrivenWorker) -> None:
    os.mkfifo(worker.cwd / "fifo")
    worker.start("!echo first; cat fifo")
    worker.until("first")
    (worker.cwd / "fifo").write_text("second\n")
    assert worker.finish().stdout == "first\nsecond\n"


def test_status_and_both_streams(worker: DrivenWorker) -> None:
    ran = worker.run("print('before')\n!echo out; echo err >&2; exit 3\nprint(_exit_code)")
    assert (ran.stdout, ran.stderr, ran.error) == ("before\nout\n3\n", "err\n", None)


def test_it_is_interrupted(worker: DrivenWorker) -> None:
    worker.start("!echo running; exec sleep 1000")
    worker.until("running")
    worker.interrupt()
    error = worker.finish().error
    assert error is not None
    assert error["name"] == "KeyboardInterrupt"
    worker.sync()
    assert worker.printed("!echo again") == "again\n"


def test_output_goes_where_the_program_has_put_its_own(worker: DrivenWorker) -> None:
    worker.printed("import contextlib, io\ns = io.StringIO()")
    code = "with contextlib.redirect_stdout(s):\n  !echo inside\nprint(repr(s.getvalue()))"
    assert worker.printed(code) == "'inside\\n'\n"


def test_lines_are_a_list_with_more(worker: DrivenWorker) -> None:
    worker.printed("x = !printf 'one 1\\ntwo 2\\n/tmp\\n'")
    assert worker.printed("print(x.n.count('\\n'), x.grep('^t'), x.grep('t', prune=True), x.fields(1), x.p)") == (
        "2 ['two 2'] ['one 1'] ['1', '2', ''] [PosixPath('/tmp')]\n"
    )
