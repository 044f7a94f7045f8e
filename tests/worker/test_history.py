"""The history has the sources of cells that count, and the texts of their results."""

from typing import Any

from publishing import ran
from worker_driver import DrivenWorker
from worker_looks import look

DEFAULTS = {"access": "tail", "n": None, "start": 1, "stop": None, "pattern": "*", "unique": False, "output": False}


def history(worker: DrivenWorker, **query: Any) -> list[tuple[int, str, str | None]]:
    """Return the cells that are told."""
    found = look(worker, "history", **{**DEFAULTS, **query})
    return [(cell["number"], cell["source"], cell["output"]) for cell in found["cells"]]


def test_what_counts_is_kept_with_its_result(worker: DrivenWorker) -> None:
    for code in ("x = 1", "x + 1", "1 / 0", "what is this"):
        ran(worker, code)
    ran(worker, "x + 2", number=None)  # uncounted
    assert history(worker) == [(1, "x = 1", None), (2, "x + 1", None), (3, "1 / 0", None), (4, "what is this", None)]
    assert history(worker, output=True)[1] == (2, "x + 1", "2")


def test_the_tail_a_range_and_a_search(worker: DrivenWorker) -> None:
    for code in ("a = 1", "b = 1", "a = 1", "c = 1"):
        ran(worker, code)
    assert history(worker, n=1) == [(4, "c = 1", None)]
    assert history(worker, n=0) == []
    assert [number for number, *_ in history(worker, access="range", start=2, stop=4)] == [2, 3]
    assert [number for number, *_ in history(worker, access="range", start=-1)] == [4]
    assert [number for number, *_ in history(worker, access="range", start=-3, stop=-1)] == [2, 3]
    assert [number for number, *_ in history(worker, access="search", pattern="a*")] == [1, 3]
    assert [number for number, *_ in history(worker, access="search", pattern="a*", n=1)] == [3]
    assert [number for number, *_ in history(worker, access="search", pattern="? = 1", unique=True)] == [2, 3, 4]
    assert history(worker, access="search", pattern="=") == []


def test_it_is_bounded(worker: DrivenWorker) -> None:
    big = "# " + "é" * 40_000
    for number in range(4):
        ran(worker, f"{big}{number}")
    found = look(worker, "history", **DEFAULTS)
    assert [cell["number"] for cell in found["cells"]] == [3, 4], "100,000 characters of an answer, the newest first"
    assert found["omitted"] == 2
    ran(worker, "# " + "x" * (1 << 20))
    ran(worker, "1")
    assert [number for number, *_ in history(worker)] == [6], "a mebi of characters is kept"
    for _ in range(1001):
        worker.start("pass")
        worker.finish()
    ran(worker, "'y' * 100_000")
    (_, _, text) = history(worker, output=True)[-1]
    assert text is not None
    assert len(text) == 10_000
