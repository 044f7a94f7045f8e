"""Notebook syntax becomes Python, line by line, and nothing else does."""

import pytest
from worker_driver import DrivenWorker, unnamed


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("!echo hi", "hi\n"),
        ("if 1:\n    !echo in\n    y = 5\nprint(y)", "in\n5\n"),
        ("!echo a \\\n  b\nprint(1)", "a b\n1\n"),
        ("x = !printf 'a\\nb'\nprint(x, x.s, x.l)", "['a', 'b'] a b ['a', 'b']\n"),
        ("x = %pwd\nprint(type(x).__name__)", "str\n"),
        ("a, b = !printf '1\\n2'\nprint(a, b)", "1 2\n"),
        ("x = (5\n  % 3)\nprint('''\n!no\n%no\nno?\n''')\n!echo $x", "\n!no\n%no\nno?\n\n2\n"),
        ("   x = 3\n   print(x)\n", "3\n"),
        ("\n\n    if 1:\n        print('d')\n    print('e')\n\n", "d\ne\n"),
        ("def f():\n  local = 4\n  !echo {local + 1} $local\nf()", "5 4\n"),
        ("import asyncio\n!echo one\nprint(await asyncio.sleep(0, 'two'))", "one\ntwo\n"),
    ],
)
def test_it_runs(worker: DrivenWorker, code: str, printed: str) -> None:
    assert worker.printed(code) == printed


def test_lines_of_tracebacks_are_those_of_the_text(worker: DrivenWorker) -> None:
    ran = worker.run("!true \\\n  x\n%cd /nowhere/at/all")
    assert ran.error is not None
    assert unnamed(ran.error["traceback"]) == (
        'Traceback (most recent call last):\n  File "<cell>", line 3, in <module>\n    %cd /nowhere/at/all\n'
        "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'\n"
    )


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        ("x = 1\n%foo bar", 2, "the line magic %foo is not known"),
        ("%%foo\nx", 1, "the cell magic %%foo is not known"),
        ("x = 1\n%%time\nx", 2, "the cell magic %%time must be on the first line of the cell"),
        ("\n%time x y", 2, "the code of %time is wrong"),
    ],
)
def test_what_is_not_known_is_named_with_its_line(worker: DrivenWorker, code: str, line: int, said: str) -> None:
    worker.run("x = 0")
    ran = worker.run(code)
    assert ran.error is not None
    assert ran.error["name"] == "UsageError"
    assert ran.error["value"].startswith(said)
    shown = code.split("\n")[line - 1]
    assert unnamed(ran.error["traceback"]).startswith(f'  File "<cell>", line {line}\n    {shown}\n')
    assert worker.printed("print(x)") == "0\n", "nothing of the cell has run"


@pytest.mark.parametrize("code", ["x y", "print('no'\n", "x = [1\n!", "a ? b", "print(1) if\n", "'!\n", "  x\n y"])
def test_python_that_is_wrong_is_refused_in_its_own_words(worker: DrivenWorker, code: str) -> None:
    expected = worker.printed(f"try: compile({code!r}, 'f', 'exec')\nexcept SyntaxError as e: print(e.msg)")
    ran = worker.run(code)
    assert ran.error is not None
    assert "During" not in ran.error["traceback"]
    assert ran.error["value"].startswith(expected.rstrip())


def test_nothing_of_it_is_loaded_for_python(worker: DrivenWorker) -> None:
    worker.run("x y")
    assert worker.printed("import builtins; print(hasattr(builtins, '__interpreterd__'))") == "False\n"
