"""Executions with host functions, a report of files, or both."""

from pathlib import Path

from host_calls import calls, echo
from worker_driver import DrivenWorker


def test_an_execution_may_have_functions_and_a_report(worker: DrivenWorker, tmp_path: Path) -> None:
    ran = calls(worker, "open('made', 'w').write(str(search(1)))", echo, files=True)
    assert ran.message is not None
    assert [path for path, _ in ran.message["files"]["files"]] == ["made"]
    assert "files" not in (calls(worker, "search()", echo).message or {})


def test_functions_are_withdrawn_after_an_error_and_after_exit(worker: DrivenWorker) -> None:
    assert calls(worker, "kept = search\n1/0", echo).error is not None
    error = worker.run("kept()").error
    assert error is not None
    assert error["value"] == "search() belonged to an earlier execution, which has ended"
    code = (
        "import atexit\nkept = search\ndef late():\n    try: kept()\n    except RuntimeError as error: print(error)\n"
    )
    ran = calls(worker, code + "atexit.register(late)\nsearch()\nexit()", echo)
    assert ran.message is not None
    assert ran.message["type"] == "exiting"
    assert worker.wait() == 0
    printed = b"".join(text for _, text in [*ran.pieces, *worker.output()])
    assert printed == b"search() belonged to an earlier execution, which has ended\n"
