"""A process that user code has forked ends like a script when it comes to the end of the code."""

import pytest
from worker_driver import DrivenWorker

FORK = "import os, sys\nchild = os.fork()\nif child: print(os.waitpid(child, 0)[1] >> 8)\nelse: "


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [("pass", 0, ""), ("sys.exit(3)", 3, ""), ("sys.exit('bye')", 1, "bye\n"), ("1 / 0", 1, "ZeroDivisionError")],
    ids=["end", "status", "words", "error"],
)
def test_it_ends_like_a_script(worker: DrivenWorker, end: str, status: int, said: str) -> None:
    ran = worker.run(FORK + end)
    assert (ran.stdout, ran.error) == (f"{status}\n", None)
    assert said in ran.stderr
    assert worker.printed("print(5)") == "5\n"
