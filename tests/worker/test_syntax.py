"""Cells that Python does not compile as they are."""

from publishing import valued
from worker_driver import DrivenWorker


def test_a_cell_that_waits_is_compiled_again(worker: DrivenWorker) -> None:
    assert worker.printed("import asyncio; print(await asyncio.sleep(0, 'outside'))") == "outside\n"


def test_a_mistake_is_told_as_ever(worker: DrivenWorker) -> None:
    for code in ("return 'await'", "yield 1", "x y  # await outside", "def f(): await g()"):
        ran = worker.run(code)
        assert ran.error is not None
        assert ran.error["name"] == "SyntaxError"
        assert "During" not in ran.error["traceback"]
        assert "interpreterd" not in ran.error["traceback"]


def test_a_warning_is_shown_once(worker: DrivenWorker) -> None:
    worker.run("import asyncio, warnings; warnings.simplefilter('always')")
    once = worker.run("x = '\\d'").stderr
    assert once.count("Warning: ") == 1
    for code in ("x = '\\d'; await asyncio.sleep(0)", "await asyncio.sleep(0)\nx = '\\d'"):
        ran = worker.run(code)
        assert ran.error is None
        assert ran.stderr.count("Warning: ") == 1
        assert valued(worker, code).stderr.count("Warning: ") == 1
    assert valued(worker, "x = '\\d'; x").stderr.count("Warning: ") == 1
