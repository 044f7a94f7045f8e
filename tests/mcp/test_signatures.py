"""``mcp.signatures``: a schema that a stranger has written becomes a signature in Python."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.mcp.signatures import ToolSignature, identifier

SCHEMA = {
    "properties": {
        "limit": {"type": "integer", "default": 3},
        "query": {"type": "string"},
        "page-size": {"type": "number"},
        "from": {"type": "array"},
        "any": {},
    },
    "required": ["query", "nonsense"],
}


def test_needed_arguments_come_first_and_others_have_defaults() -> None:
    made = ToolSignature.of(SCHEMA)
    assert str(made.signature) == "(query: str, limit: int = 3, page_size: float = None, from_: list = None, any=None)"
    assert made.arguments(("x",), {"page_size": 5, "limit": None, "from_": []}) == {
        "query": "x",
        "page-size": 5,
        "from": [],
    }


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing a required argument: 'query'"),
        (("x",), {"limt": 1}, "got an unexpected keyword argument 'limt'"),
        ((1, 2, 3, 4, 5, 6), {}, "too many positional arguments"),
    ],
)
def test_a_wrong_call_is_the_error_of_any_function(args: Any, kwargs: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        ToolSignature.of(SCHEMA).arguments(args, kwargs)


def test_a_loose_signature_takes_the_schemas_own_names() -> None:
    loose = ToolSignature.of(SCHEMA).loose()
    assert str(loose.signature) == "(**arguments)"
    assert loose.arguments((), {"page-size": 5}) == {"page-size": 5}


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("get-user", "get_user"),
        ("class", "class_"),
        ("1st", "_1st"),
        ("__x__", "x__x__"),
        ("", "_"),
        ("é", "é"),
        ("a.b", "a_b"),
    ],
)
def test_a_name_becomes_an_identifier(name: str, spelled: str) -> None:
    assert identifier(name) == spelled


@given(st.text(max_size=20))
def test_any_name_becomes_an_identifier(name: str) -> None:
    assert identifier(name).isidentifier()


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": []},
        {"properties": {"a": 1}, "required": "a"},
        {"properties": {"a": {"type": ["string", "null"]}}},
    ],
)
def test_any_schema_has_a_signature(schema: dict[str, Any]) -> None:
    assert ToolSignature.of(schema).arguments((), {}) == {}
