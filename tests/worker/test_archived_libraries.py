"""Objects of data science libraries are in another worker what they were, or are named with the reason.

``libraries/`` has a file for each library: how to make objects of its classes, and an expression that has to tell the
same of them before and after, or a part of the reason why they cannot be saved. In both, ``$`` begins the names of the
kind's own variables; the object is ``$x``. The classes are those of a published list, see RESULTS.md, and others.

CI has a few of the libraries. ``make all-libraries`` installs all into a Python of their own, and runs this with it.
"""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from archived import archive, load, reasons
from worker_driver import DrivenWorker

PYTHON = os.environ.get("INTERPRETERD_TEST_LIBRARIES_PYTHON", sys.executable)
TABLES = {path.stem: path for path in sorted(Path(__file__).with_name("libraries").glob("*.toml"))}
TELL = """
import json as _json
_told = {}
for _name, _what in _json.loads(%r):
    try:
        _told[_name] = repr(eval(_what))
    except Exception as _error:
        _told[_name] = f"{type(_error).__name__}: {_error}"
print("\\n" + _json.dumps(_told))
"""

pytestmark = [pytest.mark.xdist_group("archived_libraries"), pytest.mark.timeout(300)]


def installed() -> list[str]:
    """Return the libraries that the Python has."""
    tables = {name: tomllib.loads(path.read_text())["needs"] for name, path in TABLES.items()}
    code = f"from importlib.util import find_spec\nprint([name for name, it in {tables!r}.items() if find_spec(it)])"
    told = subprocess.run([PYTHON, "-I", "-c", code], capture_output=True, check=True).stdout
    found: list[str] = ast.literal_eval(told.decode())
    return found


def own(name: str, text: str) -> str:
    """Return ``text`` with the names of the variables of the kind ``name``."""
    return text.replace("$", "".join(it if it.isalnum() else "_" for it in name) + "_")


def told(worker: DrivenWorker, kinds: dict[str, Any]) -> dict[str, str]:
    """Return what the expressions of ``kinds`` tell in ``worker``."""
    ran = worker.run(TELL % json.dumps([(name, own(name, kind["told"])) for name, kind in kinds.items()]))
    assert ran.error is None, ran.error["traceback"]
    found: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("library", installed())
def test_each_class_is_right_or_named(library: str, tmp_path: Path) -> None:
    table = tomllib.loads(TABLES[library].read_text())
    kinds: dict[str, Any] = table["kinds"]
    with DrivenWorker(PYTHON, tmp_path) as worker:
        for name, made in [
            ("", table.get("first", "")),
            *((name, own(name, it["made"])) for name, it in kinds.items()),
        ]:
            ran = worker.run(made)
            assert ran.error is None, (name, ran.error["traceback"])
        saved = archive(worker, tmp_path / "archive")
        assert saved["type"] == "archived", saved
        before = told(worker, kinds)
    with DrivenWorker(PYTHON, tmp_path) as other:
        loaded = load(other, tmp_path / "archive")
        assert loaded["type"] == "loaded", loaded
        whole = {name: kind for name, kind in kinds.items() if "skipped" not in kind}
        after = told(other, whole)
    skipped = {own(name, "$x"): kind["skipped"] for name, kind in kinds.items() if "skipped" in kind}
    left_out = reasons(saved) | reasons(loaded)
    assert {
        name: reason for name, reason in left_out.items() if not any(name.startswith(it[:-1]) for it in skipped)
    } == {}
    assert {name: (before[name], it) for name, it in after.items() if it != before[name]} == {}
    assert {
        name: left_out.get(name) for name, part in skipped.items() if name not in left_out or part not in left_out[name]
    } == {}
