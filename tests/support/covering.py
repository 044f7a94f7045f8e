"""``make cover``: how much of each module its own test file covers.

    python tests/support/covering.py

prints a line for each module of ``interpreterd``, the least covered first, after a run of the suite under coverage.
Lines that run at a module's import count as covered, because each test of the module needs them.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import coverage
import pytest
from paths import ROOT

VARIABLE: Final = "COVERED_BY"  # setup.cfg reads it, so processes that a test starts have the test's context
GENERATED: Final = "interpreterd/_version.py"


class Covering:
    """A plugin for each process that runs tests: coverage's context of a test is its file."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Set the context for this process and for the processes that the test starts."""
        running = coverage.Coverage.current()
        assert running is not None
        os.environ[VARIABLE] = context = item.path.relative_to(ROOT).as_posix()
        running.switch_context(context)
        try:
            return (yield)
        finally:
            running.switch_context("")
            del os.environ[VARIABLE]


def modules() -> list[str]:
    """Return the modules that need a test file: all except ``__init__.py`` and generated files."""
    found = (path for folder in ("interpreterd", "worker") for path in sorted((ROOT / folder).rglob("*.py")))
    names = (path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py")
    return [name for name in names if name != GENERATED]


def mirror_of(module: str) -> Path:
    """Return the path of a module's test file."""
    folder, *rooms, name = module.split("/")
    inner = rooms if folder == "interpreterd" else [folder]
    return Path("tests", *inner, f"test_{name.removesuffix('.py').strip('_')}.py")


def table(measured: coverage.Coverage) -> list[str]:
    """Return a line for each module: the percentage that its test file covers, and its statements."""
    measured.load()
    data = measured.get_data()
    rows = []
    for module in [name for name in modules() if name.startswith("interpreterd/")]:
        data.set_query_contexts(None)
        statements = set(measured.analysis2(str(ROOT / module))[1])
        data.set_query_contexts([f"^{mirror_of(module)}$", "^$"])
        run = statements & set(_lines(data, module))
        rows.append((100 * len(run) / max(len(statements), 1), len(statements), module))
    rows.sort()
    statements_in_all = sum(count for _, count, _ in rows)
    own = sum(percent * count for percent, count, _ in rows) / max(statements_in_all, 1)
    lines = [f"{percent:5.0f} % of {count:4} {module}" for percent, count, module in rows]
    return ["Covered by its own test file:", *lines, f"{own:5.0f} % of {statements_in_all:4} all of them"]


def _lines(data: Any, module: str) -> list[int]:
    for name in (module, str(ROOT / module)):
        if (found := data.lines(name)) is not None:
            return list(found)
    return []


if __name__ == "__main__":
    os.chdir(ROOT)
    print(*table(coverage.Coverage(config_file="setup.cfg")), sep="\n")
    sys.exit(0)
