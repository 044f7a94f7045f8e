"""A name that begins with an underscore is used only in its own file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

FILES = sorted((ROOT / "interpreterd").rglob("*.py"))
# Private names of Python and aiohttp, where no public way exists.
FOREIGN = {"os._exit", "super()._drain_helper", "super()._make_server", "from aiohttp._websocket.helpers"}


def privates(source: str) -> Iterator[str]:
    """Yield the private names of other modules or objects that a file uses."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from (f"from {node.module} import {it.name}" for it in node.names if is_private(it.name))
            if any(map(is_private, (node.module or "").split("."))):
                yield f"from {node.module}"
        elif (
            isinstance(node, ast.Attribute) and is_private(node.attr) and ast.unparse(node.value) not in ("self", "cls")
        ):
            yield ast.unparse(node)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_uses_what_is_private_to_another(path: Path) -> None:
    generated = {"from interpreterd._version"} if path == ROOT / "interpreterd/__init__.py" else set()
    assert set(privates(path.read_text("utf-8"))) - FOREIGN - generated == set()


@pytest.mark.parametrize(
    "source",
    [
        "client._disconnect()",
        "self._async._run",
        "from a import _b",
        "from a._b import c",
        "f()._x = 1",
        "import a; a._b",
    ],
)
def test_the_use_of_a_private_name_would_be_found(source: str) -> None:
    assert list(privates(source))


def test_what_is_ones_own_or_the_languages_is_no_private_of_another() -> None:
    assert not list(privates("self._a; cls._b; type(x).__name__; from __future__ import annotations; _c = 1"))
