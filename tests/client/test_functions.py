"""Functions of a program as host functions: their declarations, and stubs of them."""

import ast
import functools
import operator
from collections.abc import Callable
from typing import Any

import pytest

from interpreterd.client import describe
from interpreterd.client.errors import InvalidArgument
from interpreterd.client.functions import by_name, declarations, declare, is_async, signature_of


def search(query: str, *, limit: int = 3) -> list[str]:
    """Find things.

    Slowly.
    """
    return [query] * limit


async def fetch(url: str) -> str:
    return url


class Tool:
    """A class."""

    def run(self, x: int) -> int:
        """Run it."""
        return x

    async def __call__(self, y: int) -> int:
        return y


def test_a_mapping_or_a_list_names_functions() -> None:
    assert by_name([search, fetch]) == {"search": search, "fetch": fetch}
    assert by_name({"github.search": search}) == {"github.search": search}
    assert by_name(None) == {}
    assert by_name(search for _ in range(1)) == {"search": search}


@pytest.mark.parametrize(
    ("functions", "error", "told"),
    [
        ([search, search], InvalidArgument, "has the name 'search' of another one"),
        ([functools.partial(search)], InvalidArgument, "has no __name__; give a mapping of names to functions"),
        ({"f": 1}, TypeError, "functions must map names to functions, not 'f' to 1"),
        ({1: search}, TypeError, "functions must map names to functions"),
        ([lambda: 1], InvalidArgument, "functions must have names that are Python identifiers"),
        ({"for": search}, InvalidArgument, "functions must have names that are Python identifiers"),
        ({f"f{n}": search for n in range(129)}, InvalidArgument, "functions must have at most 128 items"),
    ],
)
def test_what_cannot_be_a_host_function_is_refused_before_anything_is_sent(
    functions: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as caught:
        declare(by_name(functions))
    assert told in str(caught.value)


def test_a_declaration_has_signature_and_doc() -> None:
    assert declarations({"find": search, "fetch": fetch}) == [
        {
            "name": "find",
            "async": False,
            "signature": "(query: str, *, limit: int = 3) -> list[str]",
            "doc": "Find things.\n\nSlowly.",
        },
        {"name": "fetch", "async": True, "signature": "(url: str) -> str", "doc": ""},
    ]
    tool = Tool()
    partial, method, called = declare({"a": functools.partial(search, limit=1), "b": tool.run, "c": tool})
    assert (partial.signature, partial.doc) == ("(query: str, *, limit: int = 1) -> list[str]", "")
    assert (method.signature, method.doc) == ("(x: int) -> int", "Run it.")
    assert (called.signature, called.is_async) == ("(y: int) -> int", True)
    assert is_async(functools.partial(fetch))


DEFAULT = object()


def odd(a=DEFAULT, b=float("nan"), c=(1, [2, {"k": None}]), d=search, *args, e=..., **kwargs):  # type: ignore[no-untyped-def]
    """A lone surrogate: \ud800."""


def test_a_default_that_is_no_constant_is_not_told() -> None:
    assert signature_of(odd) == "(a=..., b=..., c=(1, [2, {'k': None}]), d=..., *args, e=Ellipsis, **kwargs)"
    assert declare({"odd": odd})[0].doc == "A lone surrogate: \\ud800."


@pytest.mark.parametrize("function", [print, operator.add, dict, max, iter, Tool])
def test_any_callable_has_a_declaration(function: Callable[..., Any]) -> None:
    declare({"f": function})
    ast.parse(describe({"f": function}))


def test_stubs_are_python_for_a_prompt() -> None:
    def quotes() -> None:
        '''It ends with a "quote"'''

    stubs = describe({"search": search, "fetch": fetch, "quotes": quotes, "git.log": fetch, "git.find": search})
    ast.parse(stubs)
    assert stubs.startswith(
        'def search(query: str, *, limit: int = 3) -> list[str]:\n    """Find things.\n\n    Slowly.\n    """\n\n'
        "async def fetch(url: str) -> str: ...\n\n"
    )
    assert (
        "class git:\n    @staticmethod\n    async def log(url: str) -> str: ...\n\n    @staticmethod\n    def find("
        in stubs
    )
    assert describe([]) == ""
