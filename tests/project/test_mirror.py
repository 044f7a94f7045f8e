"""``tests/`` mirrors the packages: every module has its test file at the same place."""

import pytest
from blocking import MAY_ASK
from covering import mirror_of, modules
from paths import ROOT


@pytest.mark.parametrize("module", modules())
def test_a_module_has_its_test_file(module: str) -> None:
    tests = mirror_of(module)
    assert (ROOT / tests).exists(), f"{module} wants {tests}"
    assert "def test_" in (ROOT / tests).read_text(), f"{tests} has no test"


@pytest.mark.parametrize(("file", "functions"), MAY_ASK.items(), ids=list(MAY_ASK))
def test_functions_that_may_ask_the_kernel_on_the_loop_exist(file: str, functions: set[str]) -> None:
    source = (ROOT / file).read_text()
    assert {name for name in functions if f"def {name}(" not in source} == set()
