"""Code before a cursor, complete or not, is read without an error; expressions are evaluated without a call."""

import pytest
from worker_driver import DrivenWorker
from worker_looks import look

PIECES = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "'''",
    "f'",
    "\\",
    "\n",
    ";",
    ".",
    "x",
    "import ",
    "from ",
    "1",
    "#",
    " ",
    "é",
]


def test_no_code_is_an_error(worker: DrivenWorker) -> None:
    worker.run("x = {'a': [1]}")
    code = ""
    for number in range(300):
        code = (code + PIECES[number * 7919 % len(PIECES)] + PIECES[number * 104729 % len(PIECES)])[-40:]
        look(worker, "complete", code)
        look(worker, "inspect", code)


@pytest.mark.parametrize("code", ["f().", "f()[0].", "x.f().", "(f()).", "[f()][0].", "f() or x.", "(x := f())."])
def test_no_function_is_called(worker: DrivenWorker, code: str) -> None:
    worker.run("def f(): print('called')\nclass A: pass\nx = A()\nx.f = f")
    look(worker, "complete", code)
    assert worker.output() == []
