"""Documents, help texts, and comments of tests name things: some words make a newcomer read a sentence twice."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from typing import Any

import click
import pytest
from paths import ROOT

from interpreterd.cli.main import cli

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("[be]*/*.md")])
DESCRIPTIONS = sorted((ROOT / "interpreterd").rglob("*api.json"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
RIDDLES = re.compile(r"\b(whoever|whomever|whom|somebody|nobody|anybody|anew|is told so|other ones)\b", re.IGNORECASE)


def riddles(text: str) -> list[str]:
    """Return the lines that have one of the words outside of code."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [line for line in prose.splitlines() if RIDDLES.search(re.sub(r"`+[^`]*`+", "", line))]


def descriptions(value: Any) -> Iterator[str]:
    """Yield every description, summary and title of an OpenAPI or AsyncAPI document."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from descriptions(inner)
        elif key in ("description", "summary", "title"):
            yield inner


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_who_does_what(path: Any) -> None:
    assert riddles(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_a_description_of_the_api_names_who_does_what(path: Any) -> None:
    assert [text for text in descriptions(json.loads(path.read_text("utf-8"))) if riddles(text)] == []


def test_a_help_text_names_who_does_what() -> None:
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert riddles(command.get_help(click.Context(command, info_name=name))) == []


def comments(source: str) -> Iterator[str]:
    """Yield the docstrings and comments of a file that has one of the words; other files are not parsed."""
    if not RIDDLES.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def test_a_comment_or_docstring_of_a_test_names_who_does_what() -> None:
    found = {path.name: [it for text in comments(path.read_text("utf-8")) for it in riddles(text)] for path in TESTS}
    assert {name: lines for name, lines in found.items() if lines} == {}
