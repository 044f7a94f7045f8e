"""Clients and the daemon use the names of the published document."""

import ast
from collections.abc import Iterator

from described import OPENAPI
from paths import ROOT

from interpreterd.model.names import EVENT_STREAM, JSON, NATIVE_PATH, NDJSON


def test_the_document_has_its_routes_below_the_native_path() -> None:
    assert [path for path in OPENAPI["paths"] if path.endswith("/execute")] == [f"{NATIVE_PATH}/execute"]


def test_the_document_describes_events_in_each_media_type() -> None:
    answers = OPENAPI["paths"][f"{NATIVE_PATH}/execute"]["post"]["responses"]["200"]["content"]
    assert set(answers) == {JSON, NDJSON, EVENT_STREAM}


def literals(source: str) -> Iterator[str]:
    """Yield the strings of a module, without its docstrings."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_no_other_module_spells_them_out() -> None:
    shared = (NATIVE_PATH, JSON, NDJSON, EVENT_STREAM)
    found = {
        path.name
        for path in (ROOT / "interpreterd").rglob("*.py")
        if "_worker" not in path.parts
        for text in literals(path.read_text("utf-8"))
        if any(name in text for name in shared)
    }
    assert found == {"names.py"}
