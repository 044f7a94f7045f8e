"""``examples/repairs.py``: three repairs of one failing cell in three forks, and the one that works goes on."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from paths import ROOT

from interpreterd.client import Context, Interpreter

PROGRAM = ROOT / "examples" / "repairs.py"
# A private daemon runs code with the program's own Python, here the tests' Python.
PRIVATE = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INTERPRETERD"))}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *arguments], env=PRIVATE | variables, capture_output=True, text=True
    )


@pytest.fixture(scope="session")
def repairs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_repairs", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def py(url: str) -> Iterator[Interpreter]:
    with Interpreter(url) as client:
        yield client


class Model:
    """Has planned repairs, and keeps what it is told."""

    def __init__(self, *planned: str) -> None:
        self._planned = planned
        self.told: list[tuple[str, str, int]] = []

    def repairs(self, cell: str, report: str, count: int) -> list[str]:
        self.told.append((cell, report, count))
        return list(self._planned)


def there(py: Interpreter) -> set[str]:
    """Return the ids of all contexts but the default one."""
    return {it.id for it in py.list_contexts()} - {"default"}


def loaded(py: Interpreter) -> Context:
    context = py.create_context()
    context.execute("numbers = [1, 2, 3]")
    return context


CELL = "total = numbers.pop() / 0"  # it changes something before it fails
CHECK = "assert total == 6, total"


def test_the_repair_that_works_goes_on() -> None:
    ran = run()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "--- the cell failed: ValueError: could not convert string to float: 'n/a'",
        "--- trying 3 repairs",
        "repair 1: ValueError: could not convert string to float: 'n/a'",
        "repair 2: AssertionError: 0 rows are left, 3 have a price",
        "repair 3: works",
        "the mean of [10.0, 32.0] is 21",
    ]


def test_repairs_that_do_not_work_are_one_sentence(py: Interpreter, url: str) -> None:
    before = there(py)
    ran = run("--repairs", "2", INTERPRETERD_URL=url)
    assert (ran.returncode, ran.stderr) == (1, "repairs: none of 2 repairs works\n")
    assert there(py) == before, "nothing is left behind"


def test_each_repair_begins_with_what_was_there_before_the_cell(py: Interpreter, repairs: ModuleType) -> None:
    context = loaded(py)
    model = Model("total = len(numbers)", "total = sum(numbers)", "total = sum(numbers)")
    winner = repairs.mend(model, context, CELL, CHECK)
    assert winner.forked_from == context.id
    assert there(py) == {winner.id}
    assert winner.execute("print(total, numbers)").stdout == "6 [1, 2, 3]\n"
    ((cell, report, count),) = model.told
    assert (cell, count) == (CELL, 3)
    assert report.endswith("ZeroDivisionError: division by zero")


def test_a_cell_that_works_needs_no_model(py: Interpreter, repairs: ModuleType) -> None:
    context, model = loaded(py), Model()
    assert repairs.mend(model, context, "total = sum(numbers)", CHECK) is context
    assert (there(py), context.checkpoints(), model.told) == ({context.id}, [], [])


@pytest.mark.parametrize("planned", [(), ("total = 5", "while True: pass", "import os; os._exit(1)")])
def test_without_a_repair_the_context_is_as_it_was(
    py: Interpreter, repairs: ModuleType, planned: tuple[str, ...]
) -> None:
    context = loaded(py)
    with pytest.raises(repairs.NoRepair):
        repairs.mend(Model(*planned), context, CELL, CHECK, timeout=1)
    assert there(py) == {context.id}
    assert context.execute("print(numbers, 'total' in globals())").stdout == "[1, 2, 3] False\n"


def test_no_more_repairs_than_wanted_are_tried(py: Interpreter, repairs: ModuleType) -> None:
    context = loaded(py)
    with pytest.raises(repairs.NoRepair, match="none of 1"):
        repairs.mend(Model("total = 5", "total = 6"), context, CELL, CHECK, count=1)
