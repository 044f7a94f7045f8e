"""``tests/`` mirrors the packages: every module has its test file, at the same place under the same name."""

from pathlib import Path

import pytest
from paths import ROOT

# They still want one; nothing may be added.
MISSING = [
    "interpreterd/daemon.py",
    "worker/boot.py",
    "worker/template.py",
]
GENERATED = "interpreterd/_version.py"
MODULES = [
    str(path.relative_to(ROOT))
    for folder in ("interpreterd", "worker")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "__init__.py"
]


def mirror_of(module: str) -> Path:
    """Return where the tests of a module are."""
    folder, *rooms, name = module.split("/")
    inner = rooms if folder == "interpreterd" else [folder]
    return Path("tests", *inner, f"test_{name.removesuffix('.py').strip('_')}.py")


@pytest.mark.parametrize("module", [module for module in MODULES if module not in (GENERATED, *MISSING)])
def test_a_module_has_its_test_file(module: str) -> None:
    tests = mirror_of(module)
    assert (ROOT / tests).exists(), f"{module} wants {tests}"
    assert "def test_" in (ROOT / tests).read_text(), f"{tests} has no test"
