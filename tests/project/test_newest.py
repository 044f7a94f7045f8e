"""``make newest-sdks`` knows the clients, and tells which of them have moved."""

import importlib.util
from typing import Any

import pytest
from packaging.requirements import Requirement
from paths import ROOT


@pytest.fixture(scope="module")
def newest() -> Any:
    """Return tests/clients/newest.py, which is no package's."""
    spec = importlib.util.spec_from_file_location("newest", ROOT / "tests" / "clients" / "newest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_installs_all_that_the_tests_of_clients_need(newest: Any) -> None:
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    names = {newest.without_range(it) for it in newest.requirements(setup, "clients")}
    assert {"e2b-code-interpreter", "opensandbox", "opensandbox-code-interpreter", "jupyterlab"} <= names
    assert not any(character in name for name in names for character in "<>=")
    assert newest.IN_TESTS in {it.name for it in newest.requirements(setup, "test")}
    assert newest.requirements(setup, "nothing") == []


def test_it_names_what_is_outside_its_range(newest: Any) -> None:
    wanted = [Requirement("A_b >= 1.2, < 2"), Requirement("c >= 1, < 2"), Requirement("missing >= 1")]
    assert list(newest.outside({"a-b": "2.0", "c": "1.9"}, wanted)) == ["A_b 2.0 is out, and setup.cfg has <2,>=1.2"]


@pytest.mark.parametrize(
    ("version", "span", "moves"),
    [
        ("2.9.0", "^2.8.0", False),
        ("3.0.0", "^2.8.0", True),
        ("0.218.9", "^0.218.0", False),
        ("0.219.0", "^0.218.0", True),
        ("0.1.0", "0.2.0-alpha.1", False),
    ],
)
def test_it_names_packages_of_node_too(newest: Any, version: str, span: str, moves: bool) -> None:
    told = [f"p {version} is out, and package.json has {span}"] if moves else []
    assert list(newest.outside_of_node({"p": version}, {"p": span})) == told
