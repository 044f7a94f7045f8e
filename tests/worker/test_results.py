"""The value of a cell is published as its result, and remembered as ``_``."""

from typing import Any

import pytest
from publishing import bundles, valued
from worker_driver import DrivenWorker, unnamed


def results(worker: DrivenWorker, code: str) -> list[Any]:
    """Run ``code``, which must not fail; return the texts of its results."""
    ran = valued(worker, code)
    assert (ran.error, ran.stderr) == (None, "")
    assert all(bundle.kind == "result" for bundle in bundles(ran))
    return [bundle.data["text/plain"] for bundle in bundles(ran)]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("1+1", "2"),
        ("x = 5\nx", "5"),
        ("'ü'", "'ü'"),
        ("[1, 'a', None]", "[1, 'a', None]"),
        ("{'a': (1,)}", "{'a': (1,)}"),
        ("list(range(30))", str(list(range(30)))),
        ("True", "True"),
        ("import asyncio\nawait asyncio.sleep(0, 5)", "5"),
        ("%time 7", "7"),
        ("%env ANSWER=1\n%env ANSWER", "'1'"),
        ("!!echo a", "['a']"),
        ("%%time\n8", "8"),
        ("object", "object"),
    ],
)
def test_the_last_expression_is_the_result(worker: DrivenWorker, code: str, text: str) -> None:
    ran = valued(worker, code)
    assert ran.error is None
    (bundle,) = bundles(ran)
    assert str(bundle.data["text/plain"]).replace("<class 'object'>", "object") == text


@pytest.mark.parametrize("code", ["x = 1", "None", "1;", "%time 1;", "print()", "%%capture\n1", "import os", "%cd ."])
def test_nothing_else_is_one(worker: DrivenWorker, code: str) -> None:
    ran = valued(worker, code)
    assert ran.error is None
    assert bundles(ran) == []


def test_no_value_is_looked_at_where_none_is_wanted(worker: DrivenWorker) -> None:
    worker.printed("class C:\n  def __repr__(self): print('called')")
    ran = worker.run("C()")
    assert (ran.both, ran.error, bundles(ran)) == ("", None, [])
    assert worker.run("_").error is not None


def test_the_last_value_is_remembered_and_released(worker: DrivenWorker) -> None:
    worker.printed("class C:\n  def __del__(self): print('released')\n  def __repr__(self): return 'C'")
    assert results(worker, "C()") == ["C"]
    assert results(worker, "_") == ["C"]
    ran = valued(worker, "1")
    assert ran.stdout == "released\n"
    assert results(worker, "_ + 1") == ["2"]
    valued(worker, "C()")
    assert valued(worker, "import builtins; del builtins._").stdout == "released\n"
    valued(worker, "C()")
    assert valued(worker, "del _").stdout == "released\n"
    assert valued(worker, "del _").error is not None, "there is none"
    valued(worker, "C()")
    assert valued(worker, "_ = 5; del _").stdout == "released\n"
    assert results(worker, "7") == ["7"]
    assert results(worker, "x = 1  # not del _\n_") == ["7"]
    valued(worker, "C()")
    assert valued(worker, "_ = None").stdout == "released\n"


@pytest.mark.parametrize(
    "own", ["_ = str.upper", "for _ in [str.upper]: pass", "import builtins; builtins._ = str.upper"]
)
def test_a_name_of_the_programs_own_is_left_alone(worker: DrivenWorker, own: str) -> None:
    valued(worker, "1")
    valued(worker, own)
    assert results(worker, "2") == ["2"]
    assert worker.printed("print(_('own'))") == "OWN\n"


def test_how_values_are_shown_is_the_programs(worker: DrivenWorker) -> None:
    worker.run("import sys; sys.displayhook = lambda value: print('shown:', value)")
    ran = valued(worker, "6 * 7")
    assert (ran.stdout, bundles(ran)) == ("shown: 42\n", [])
    worker.run("def hook(value): 1 / 0\nsys.displayhook = hook")
    error = valued(worker, "6 * 7").error
    assert error is not None
    assert "line 1, in hook" in unnamed(error["traceback"])


def test_a_prompt_prints_its_values(worker: DrivenWorker) -> None:
    ran = worker.shown("5")
    assert (ran.stdout, bundles(ran)) == ("5\n", [])


def test_a_value_that_cannot_be_shown_is_told(worker: DrivenWorker) -> None:
    worker.printed("class C:\n  def __repr__(self): 1 / 0")
    ran = valued(worker, "C()")
    assert "ZeroDivisionError" in ran.stderr + str(ran.error)
    assert results(worker, "1") == ["1"]


def test_showing_a_value_is_interrupted(worker: DrivenWorker) -> None:
    worker.printed("import time\nclass C:\n  def __repr__(self):\n    print('slow', flush=True)\n    time.sleep(1000)")
    worker.send({"type": "execute", "id": "slow", "code": "C()", "envs": {}, "results": True})
    worker.until("slow")
    worker.interrupt()
    message = worker.receive()
    assert message is not None
    assert message["error"]["name"] == "KeyboardInterrupt"
    worker.sync()
    assert results(worker, "2") == ["2"]


def test_a_child_publishes_no_result(worker: DrivenWorker) -> None:
    ran = valued(
        worker, "import os, warnings; warnings.simplefilter('ignore')\npid = os.fork()\npid and os.waitpid(pid, 0)[1]"
    )
    assert [bundle.data["text/plain"] for bundle in bundles(ran)] == ["0"]


def test_small_values_import_little(worker: DrivenWorker) -> None:
    worker.printed("import sys; before = set(sys.modules)")
    assert results(worker, "1 + 1") == ["2"]
    worker.printed("new = {name for name in set(sys.modules) - before if not name.startswith('_')}")
    assert worker.printed("print(new - {'fcntl', 'binascii'})") == "set()\n"
