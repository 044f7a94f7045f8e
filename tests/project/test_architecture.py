"""The code keeps the promises of the documents."""

import ast
import runpy
import sys
from pathlib import Path

import pytest
from paths import ROOT

from interpreterd.machine.table import diagram

BEGIN, END = "<!-- state diagram: begin -->", "<!-- state diagram: end -->"
LINE_LIMIT = 300
OURS = ("interpreterd", "worker", "tests", "benchmarks", "soak", "examples", "docs", "packaging")
WORKER = sorted((ROOT / "worker").glob("*.py"))


def test_the_state_diagram_is_drawn_from_the_table() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1, f"ARCHITECTURE.md needs the lines {BEGIN!r} and {END!r}"
    drawn = text.partition(BEGIN)[2].partition(END)[0].strip()
    expected = "\n".join(["```mermaid", *diagram(), "```"])
    assert drawn == expected, (
        "the state diagram of ARCHITECTURE.md is not the one of the table: put what "
        f"`python -m interpreterd.machine.table` prints between ```mermaid and ```, in the lines {BEGIN!r} and {END!r}"
    )


def test_a_file_is_short_enough_to_be_read_at_once() -> None:
    """If a file is too long, find the part that should be its own file."""
    files = [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {path: count for path, count in lines.items() if count > LINE_LIMIT} == {}


def test_the_tables_of_rooms_and_files_are_drawn_from_the_contract_and_the_docstrings() -> None:
    floors = runpy.run_path(str(ROOT / "docs" / "floors.py"))
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert text == floors["drawn"](text), "`python docs/floors.py` draws ARCHITECTURE.md's tables"


def test_a_package_passes_on_no_names_of_its_modules() -> None:
    """The client's does: it is for other programs, which know one name to import from."""
    allowed = {ROOT / "interpreterd" / "__init__.py", ROOT / "interpreterd" / "client" / "__init__.py"}
    for package in set((ROOT / "interpreterd").rglob("__init__.py")) - allowed:
        names = [node for node in ast.parse(package.read_text()).body if isinstance(node, ast.ImportFrom)]
        assert [node.module for node in names if (node.module or "").startswith("interpreterd")] == [], package


# The worker adds to these if user code has them, within functions that are called only then.
LIBRARIES = {"matplotlib", "pandas", "pygments"}


def imports(path: Path) -> set[str]:
    """Return the top-level names of all modules that a file imports, also within functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: the worker is one script, not a package"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("path", WORKER, ids=lambda path: path.name)
def test_the_worker_needs_the_standard_library_alone(path: Path) -> None:
    # boot.py makes the package ``worker`` of these files in memory.
    assert imports(path) - {"worker"} - LIBRARIES <= sys.stdlib_module_names
    at_import = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not LIBRARIES & {name.name.partition(".")[0] for node in at_import for name in node.names}
    assert not LIBRARIES & {(getattr(node, "module", None) or "").partition(".")[0] for node in at_import}


@pytest.mark.parametrize("path", WORKER, ids=lambda path: path.name)
def test_the_worker_is_written_for_the_oldest_python_it_runs_on(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))


WORKERS_OWN = {"worker", "interpreterd._worker", *(path.stem for path in WORKER)}


def imported(source: str) -> set[str]:
    """Return what a file of ``interpreterd`` imports: modules, the packages they are in, and names in them."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = f"interpreterd.{node.module or ''}".rstrip(".") if node.level else node.module or ""
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return {".".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}


def test_nothing_imports_the_worker() -> None:
    files = list((ROOT / "interpreterd").rglob("*.py"))
    assert {str(path): found for path in files if (found := imported(path.read_text()) & WORKERS_OWN)} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import worker",
        "import worker.streams as streams",
        "def f():\n    from worker import streams",
        "from worker.streams import Stream",
        "from interpreterd import _worker",
        "import interpreterd._worker.boot",
        "from interpreterd._worker.boot import start",
        "from . import _worker",
        "import boot",
        "from channel import Channel",
    ],
)
def test_an_import_of_the_worker_would_be_found(source: str) -> None:
    assert imported(source) & WORKERS_OWN


def test_a_module_of_nearly_the_same_name_is_no_worker() -> None:
    assert (
        not imported("from interpreterd.workers.worker import Worker\nimport interpreterd.workers.worker") & WORKERS_OWN
    )
