"""Every kind of Python's objects is right after an archive, or is named with the reason.

``kinds/`` has how to make one, and what has to be true of it in another worker, or a part of the reason. In both, ``$``
begins the names of the kind's own variables; what cannot be saved is ``$x``. ``since`` and ``until`` are Pythons.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from archived import carried, reasons
from worker_driver import DrivenWorker

CHECK = """
it = {}
for name, check in json.loads(%r):
    try:
        it[name] = bool(eval(check))
    except Exception as error:
        it[name] = f"{type(error).__name__}: {error}"
"""


def kinds() -> dict[str, dict[str, Any]]:
    """Return the kinds by their names."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(Path(__file__).with_name("kinds").glob("*.toml")):
        found |= tomllib.loads(path.read_text())
    return found


def own(name: str, text: str) -> str:
    """Return ``text`` with the names of the variables of the kind ``name``."""
    return text.replace("$", name.replace(" ", "_") + "_")


def test_each_kind_is_right_or_named(worker: DrivenWorker) -> None:
    version = list(map(int, worker.ready["python"].split(".")[:2]))
    table = {
        name: kind
        for name, kind in kinds().items()
        if kind.get("since", [3, 9]) <= version <= kind.get("until", [3, 99])
    }
    checks = [(name, own(name, kind["check"])) for name, kind in table.items() if "check" in kind]
    made = "\n".join(own(name, kind["made"]) for name, kind in table.items())
    saved, loaded, found = carried(worker, made, f"import json{CHECK % json.dumps(checks)}")
    told = reasons(saved)
    expected = {own(name, "$x"): kind["skipped"] for name, kind in table.items() if "skipped" in kind}
    expected["database_y"] = "database_y['db'][0]: it is"
    assert len(checks) > 58
    assert {name: how for name, how in found.items() if how is not True} == {}
    assert {name: reason for name, reason in told.items() if name not in expected} == {}
    assert {name: told.get(name) for name, part in expected.items() if part not in told.get(name, "")} == {}
    assert loaded["skipped"] == []
