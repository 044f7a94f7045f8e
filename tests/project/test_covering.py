"""``make cover`` shows how much of each module its own test file covers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import covering
import pytest
from covering import Covering, mirror_of, table


class Measured:
    """Stands for coverage's data: each module has four statements, with the contexts that ran them."""

    def __init__(self, lines: dict[str, dict[str, set[int]]]) -> None:
        self._lines = lines
        self._contexts: list[str] | None = None

    def load(self) -> None: ...

    def get_data(self) -> "Measured":
        return self

    def analysis2(self, path: str) -> tuple[str, list[int]]:
        return path, [1, 2, 3, 4]

    def set_query_contexts(self, contexts: Sequence[str] | None) -> None:
        self._contexts = None if contexts is None else [context.strip("^$") for context in contexts]

    def lines(self, module: str) -> list[int] | None:
        if (found := self._lines.get(module)) is None:
            return None
        return [line for by, lines in found.items() if self._contexts is None or by in self._contexts for line in lines]


def test_what_counts_is_run_by_the_modules_own_file_or_by_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covering, "modules", lambda: ["interpreterd/a.py", "interpreterd/room/b.py", "worker/c.py"])
    measured: Any = Measured(
        {
            "interpreterd/a.py": {"": {1}, "tests/test_a.py": {1, 2, 3}, "tests/daemon/test_a.py": {4}},
            "interpreterd/room/b.py": {"": {1}, "tests/test_a.py": {2, 3, 4}},
        }
    )
    assert table(measured) == [
        "Covered by its own test file:",
        "   25 % of    4 interpreterd/room/b.py",
        "   75 % of    4 interpreterd/a.py",
        "   50 % of    8 all of them",
    ]


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("interpreterd/__main__.py", "tests/test_main.py"),
        ("interpreterd/dialects/native/wire.py", "tests/dialects/native/test_wire.py"),
        ("worker/boot.py", "tests/worker/test_boot.py"),
    ],
)
def test_where_a_modules_tests_are(module: str, tests: str) -> None:
    assert mirror_of(module) == Path(tests)


def test_a_tests_context_is_its_file_for_the_processes_that_it_starts_too(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    contexts: list[str] = []

    class Running:
        switch_context = staticmethod(contexts.append)

    monkeypatch.setattr(covering.coverage.Coverage, "current", Running)
    monkeypatch.setenv(covering.VARIABLE, "")
    around = Covering.pytest_runtest_protocol(Covering(), request.node)
    next(around)
    assert covering.os.environ[covering.VARIABLE] == "tests/project/test_covering.py"
    around.close()
    assert contexts == ["tests/project/test_covering.py", ""]
