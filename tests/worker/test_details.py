"""The parts of an exception tell the same as its text: frames, chain, notes, suggestion. The text is as ever."""

import json
from typing import Any

import pytest
from plain import version_of
from worker_driver import DrivenWorker

from interpreterd.pipe.decoders import MESSAGE_LIMIT_BYTES
from interpreterd.pipe.messages import Done, decode_line

PARTS = {"frames", "omittedFrames", "notes", "suggestion", "cause", "context", "suppressContext", "exceptions"}


def failed(worker: DrivenWorker, code: str) -> Any:
    """Return the error of ``code``, which the daemon must accept."""
    ran = worker.run(code)
    assert ran.error is not None
    line = json.dumps(ran.message).encode()
    assert len(line) < MESSAGE_LIMIT_BYTES
    done = decode_line(line)
    assert isinstance(done, Done)
    assert done.error is not None
    return ran.error


def marked(frame: dict[str, Any]) -> str:
    """Return the source that the columns of ``frame`` name."""
    text: str = frame["source"][frame["column"] : frame["endColumn"]]
    return text


def test_a_frame_is_a_cell_a_line_and_a_function(worker: DrivenWorker) -> None:
    worker.send({"type": "execute", "id": "a", "code": "def half(x):\n    return x / 0", "envs": {}, "number": 7})
    assert worker.receive() is not None
    worker.send({"type": "execute", "id": "b", "code": "\nhalf(1)", "envs": {}, "number": 8})
    message = worker.receive()
    assert message is not None
    error = message["error"]
    places = [(it["cell"], it["line"], it["function"], it["source"]) for it in error["frames"]]
    assert places == [(8, 2, "<module>", "half(1)"), (7, 2, "half", "    return x / 0")]
    assert all(f'File "{it["file"]}", line {it["line"]}, in ' in error["traceback"] for it in error["frames"])
    assert error.keys() == {"name", "value", "traceback", *PARTS}
    if version_of(worker.python) >= (3, 11):
        assert [marked(it) for it in error["frames"]] == ["half(1)", "x / 0"]
    else:
        assert {it[key] for it in error["frames"] for key in ("column", "endColumn", "endLine")} == {None}


def test_columns_are_characters(worker: DrivenWorker) -> None:
    frame = failed(worker, "ü = 'ß😀' + (1 / 0)")["frames"][0]
    assert frame["source"] == "ü = 'ß😀' + (1 / 0)"
    if version_of(worker.python) >= (3, 11):
        assert marked(frame) == "1 / 0"


def test_a_place_may_have_several_lines(worker: DrivenWorker) -> None:
    frame = failed(worker, "x = [\n  (1 +\n   é), 2]")["frames"][0]
    if version_of(worker.python) >= (3, 11):
        assert (frame["line"], frame["endLine"], frame["column"], frame["endColumn"]) == (3, 3, 3, 4)
    frame = failed(worker, "int(\n  'é'\n)")["frames"][0]
    if version_of(worker.python) >= (3, 11):
        assert (frame["line"], frame["endLine"], frame["column"], frame["endColumn"]) == (1, 3, 0, 1)
    assert frame["source"] == "int("


def test_the_last_frame_of_a_syntax_error_is_the_wrong_code(worker: DrivenWorker) -> None:
    error = failed(worker, "x = 1\nfür = (1 2)")
    (frame,) = error["frames"]
    assert (frame["line"], frame["function"], frame["source"]) == (2, None, "für = (1 2)")
    assert frame["source"][frame["column"] :].startswith("2" if version_of(worker.python) < (3, 10) else "1 2")
    nested = failed(worker, "def f(): compile('x = = 1', 'made', 'exec')\nf()")["frames"]
    assert [it["function"] for it in nested] == ["<module>", "f", None]
    assert (nested[-1]["file"], nested[-1]["cell"], nested[-1]["source"]) == ("made", None, "x = = 1")
    assert failed(worker, "raise SyntaxError('mine')")["frames"][-1]["function"] == "<module>"
    failed(worker, "raise SyntaxError('mine', ('f', 10 ** 50, 'x', [], 'y', 2, 3))")


def test_the_chain_is_there_with_its_flag(worker: DrivenWorker) -> None:
    code = "try:\n  1 / 0\nexcept Exception as error:\n  raise KeyError('x') from {}"
    error = failed(worker, code.format("error"))
    assert (error["cause"]["name"], error["cause"]["value"]) == ("ZeroDivisionError", "division by zero")
    assert (error["context"], error["suppressContext"]) == (None, True)
    assert error["cause"]["frames"][0]["line"] == 2
    assert error["cause"].keys() == {"name", "value", *PARTS}
    error = failed(worker, code.format("None"))
    assert (error["cause"], error["context"]["name"], error["suppressContext"]) == (None, "ZeroDivisionError", True)
    error = failed(worker, "try:\n  1 / 0\nfinally:\n  [][1]")
    assert (error["context"]["name"], error["suppressContext"]) == ("ZeroDivisionError", False)


def test_the_parts_of_a_group_and_notes(worker: DrivenWorker) -> None:
    if version_of(worker.python) < (3, 11):
        assert failed(worker, "1/0")["exceptions"] == failed(worker, "1/0")["notes"] == []
        return
    error = failed(worker, "raise ExceptionGroup('both', [ValueError('a'), ExceptionGroup('in', [KeyError('b')])])")
    assert [it["name"] for it in error["exceptions"]] == ["ValueError", "ExceptionGroup"]
    assert error["exceptions"][1]["exceptions"][0]["value"] == "'b'"
    code = "e = ValueError('a')\nfor note in ('first', 'zweite ü'): e.add_note(note)\nraise e"
    assert failed(worker, code)["notes"] == ["first", "zweite ü"]
    for notes in ("5", "'text'", "[1, 2]", "{}"):
        failed(worker, f"e = ValueError('a')\ne.__notes__ = {notes}\nraise e")


@pytest.mark.parametrize(
    ("code", "since", "suggestion"),
    [
        ("average = 1\nprint(avarage)", (3, 10), "Did you mean: 'average'?"),
        ("def f():\n  local = 1\n  return locol\nf()", (3, 10), "Did you mean: 'local'?"),
        ("class A:\n  color = 1\nA().colour", (3, 10), "Did you mean: 'color'?"),
        ("from collections import defaultdic", (3, 12), "Did you mean: 'defaultdict'?"),
        ("math.pi", (3, 12), "Did you forget to import 'math'"),
        ("try:\n  prinf\nexcept NameError as e:\n  raise ValueError from e", (3, 10), "Did you mean: 'print'?"),
    ],
)
def test_the_suggestion_is_the_one_of_cpython(
    worker: DrivenWorker, code: str, since: tuple[int, int], suggestion: str
) -> None:
    error = failed(worker, code)
    told = error["cause"] or error
    if version_of(worker.python) >= since:
        assert told["suggestion"].rstrip("?") == suggestion.rstrip("?")
    else:
        assert told["suggestion"] is None
    assert suggestion not in told["value"] or told is error


def test_a_text_that_looks_like_a_suggestion_is_none(worker: DrivenWorker) -> None:
    assert failed(worker, "raise AttributeError(\"no. Did you mean: 'x'?\")")["suggestion"] is None
    assert failed(worker, "raise ValueError(\". Did you mean: 'x'?\")")["suggestion"] is None


def test_a_suggestion_may_run_code_that_fails(worker: DrivenWorker) -> None:
    error = failed(worker, "class A:\n  def __dir__(self): 1 / 0\nA().colour")
    assert (error["name"], error["suggestion"]) == ("AttributeError", None)


def test_a_suggestion_can_be_interrupted(worker: DrivenWorker) -> None:
    if version_of(worker.python) < (3, 10):
        return  # there are none
    worker.start("class A:\n  def __dir__(self):\n    print('here', flush=True)\n    while True: pass\nA().colour")
    worker.until("here")
    worker.interrupt()
    error = worker.finish().error
    assert error is not None
    assert error["name"] in ("AttributeError", "KeyboardInterrupt")
    assert worker.printed("print(1)") == "1\n"


def test_frames_beyond_the_bound_are_left_out_in_the_middle(worker: DrivenWorker) -> None:
    error = failed(worker, "def deeper(n):\n  if n: deeper(n - 1)\n  else: 1 / 0\ndeeper(200)")
    assert (len(error["frames"]), error["omittedFrames"]) == (100, 102)
    assert [error["frames"][number]["line"] for number in (0, 1, -2, -1)] == [4, 2, 2, 3]


def test_texts_and_chains_are_bounded(worker: DrivenWorker) -> None:
    chain = (
        "def raiser(n):\n  try:\n    if n: raiser(n - 1)\n    1 / 0\n"
        "  except Exception:\n    raise ValueError('\\x01' * 100_000)\nraiser({})"
    )
    failed(worker, chain.format(10))
    error = failed(worker, chain.format(60))
    links = 0
    while (error := error["context"]) is not None:
        links += 1
    assert 3 <= links < 32
    source = f"x = {'(' * 60}1 / 0{')' * 60}  # {'ü' * 10_000}"
    assert len(failed(worker, source)["frames"][0]["source"]) == 2000


def test_code_that_breaks_the_sources_gets_the_text_alone(worker: DrivenWorker) -> None:
    error = failed(worker, "import linecache\nlinecache.getline = lambda *_: 1 / 0\n1 / 0")
    assert error.keys() == {"name", "value", "traceback"}
    assert error["traceback"].endswith("ZeroDivisionError: division by zero\n")
