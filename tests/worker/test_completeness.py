"""Whether code could be run as it is."""

import pytest
from worker_driver import DrivenWorker
from worker_looks import look

CASES = {
    "": ("complete", ""),
    "x = 1": ("complete", ""),
    "a = 1\nb = 2": ("complete", ""),
    "def f():": ("incomplete", "    "),
    "def f():\n  pass": ("incomplete", "  "),
    "def f():\n  pass\n": ("complete", ""),
    "class A:\n  def f(self):\n    return": ("incomplete", "    "),
    "for i in x:\n\tif i:": ("incomplete", "\t    "),
    "if x:\n  y\nelse:": ("incomplete", "    "),
    "x = (": ("incomplete", ""),
    "f(\n  1)": ("complete", ""),
    "x = )": ("invalid", ""),
    "1 2": ("invalid", ""),
    "'''abc": ("incomplete", ""),
    "x = 'abc": ("invalid", ""),
    "x = \\": ("incomplete", ""),
    "await f()": ("complete", ""),
    "async with a as b:": ("incomplete", "    "),
    "!ls": ("complete", ""),
    "x = !ls": ("complete", ""),
    "%time x": ("complete", ""),
    "len?": ("complete", ""),
    "for x in y:\n    !ls\n": ("complete", ""),
    "%%bash\nls": ("incomplete", ""),
    "%%bash\nls\n": ("complete", ""),
    "x = 1\r\ndef f():\r\n  pass\r\n": ("complete", ""),
    "x = '\0'": ("invalid", ""),
}


def test_every_case(worker: DrivenWorker) -> None:
    for code, told in CASES.items():
        found = look(worker, "isComplete", code)
        assert (found["status"], found["indent"]) == told, code


@pytest.mark.parametrize("code", ["(" * 100_000, "x" * (1 << 21), "f(" * 5_000])
def test_code_that_is_too_deep_or_long_is_answered_too(worker: DrivenWorker, code: str) -> None:
    assert look(worker, "isComplete", code)["status"] in ("unknown", "invalid", "incomplete")
    assert worker.printed("print(1)") == "1\n"
