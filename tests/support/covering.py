"""Which file of tests has run a line, for ``make cover``: what each module's own one covers of it.

    python tests/support/covering.py

prints that of each module of ``interpreterd``, the least first, once the suite has run under coverage. A line that runs
when its module is imported counts: it runs for every test of the module.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

ROOT: Final = Path(__file__).parents[2]
VARIABLE: Final = "COVERED_BY"  # of setup.cfg: processes that a test starts have its context
GENERATED: Final = "interpreterd/_version.py"


class Covering:
    """A plugin of each process that runs tests: the context of a test is its file."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name the file, for this process and for those that the test starts."""
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
    """Return the modules that want a test file: all but those that only make a package, and what is generated."""
    found = (path for folder in ("interpreterd", "worker") for path in sorted((ROOT / folder).rglob("*.py")))
    names = (path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py")
    return [name for name in names if name != GENERATED]


def mirror_of(module: str) -> Path:
    """Return where the tests of a module are."""
    folder, *rooms, name = module.split("/")
    inner = rooms if folder == "interpreterd" else [folder]
    return Path("tests", *inner, f"test_{name.removesuffix('.py').strip('_')}.py")


def table(measured: coverage.Coverage) -> list[str]:
    """Return a line for each module: how much its own test file covers, of how many statements."""
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
