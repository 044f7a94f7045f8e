"""Magics around a whole cell."""

from worker_driver import DrivenWorker


def test_a_timed_cell_is_an_ordinary_one(worker: DrivenWorker) -> None:
    printed = worker.printed("\n%%time\nimport asyncio\nx = await asyncio.sleep(0, 9)\n!echo $x")
    assert printed.startswith("9\nCPU times: ")
    ran = worker.run("%%time\n\n1 / 0")
    assert ran.error is not None
    assert "line 3" in ran.error["traceback"]
    assert ran.stdout == ""


def test_output_is_captured(worker: DrivenWorker) -> None:
    code = "%%capture out\nimport sys\nprint('o')\n!echo c\nprint('e', file=sys.stderr)"
    assert worker.printed(code) == ""
    assert worker.printed("print(repr(out.stdout), repr(out.stderr))") == "'o\\nc\\n' 'e\\n'\n"
    assert worker.printed("%%capture --no-stdout\nprint('shown')") == "shown\n"
    assert worker.run("%%capture\n1 / 0").error is not None
    assert worker.printed("print('again')") == "again\n"
