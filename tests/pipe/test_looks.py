"""What a worker has found is untrusted: each key has its type, and everything its bound."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.model.errors import ProtocolError
from interpreterd.model.looks import MATCHES_LIMIT, VARIABLES_LIMIT, Completeness, Completions, Inspection, Variables
from interpreterd.pipe.looks import parse_found

VARIABLE: dict[str, Any] = {
    "name": "x",
    "type": "int",
    "kind": "value",
    "repr": "1",
    "size": 28,
    "length": None,
    "shape": [2, 3],
    "dtype": None,
}
FOUND: list[dict[str, Any]] = [
    {"kind": "complete", "matches": ["a"], "types": ["class"], "cursorStart": 0, "cursorEnd": 1, "omitted": 0},
    {
        "kind": "inspect",
        "found": True,
        "name": "x",
        "type": "int",
        "of": "value",
        "signature": None,
        "docstring": "d",
        "value": "1",
        "file": None,
        "line": 3,
        "source": None,
    },
    {"kind": "isComplete", "status": "incomplete", "indent": "  "},
    {"kind": "variables", "variables": [VARIABLE], "omitted": 5},
]


def test_each_kind_has_its_type() -> None:
    assert [type(parse_found(body)) for body in FOUND] == [Completions, Inspection, Completeness, Variables]


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (0, {"kind": "other"}, "kind must be one of"),
        (0, {"matches": [1]}, "matches must hold str only"),
        (0, {"matches": ["a"] * (MATCHES_LIMIT + 1)}, "matches must have at most"),
        (0, {"types": []}, "types must be as many"),
        (0, {"cursorStart": -1}, "cursorStart must be from 0"),
        (0, {"omitted": None}, "omitted must be int"),
        (1, {"found": 1}, "found must be bool"),
        (1, {"line": True}, "line must be int"),
        (1, {"docstring": 5}, "docstring must be str"),
        (2, {"status": "maybe"}, "status must be one of"),
        (2, {"indent": None}, "indent must be str"),
        (3, {"variables": [1]}, "variables must hold dict only"),
        (3, {"variables": [VARIABLE] * (VARIABLES_LIMIT + 1)}, "variables must have at most"),
        (3, {"variables": [{**VARIABLE, "shape": [True]}]}, "shape must hold int only"),
        (3, {"variables": [{**VARIABLE, "shape": [-1]}]}, "shape must be from 0"),
        (3, {"variables": [{**VARIABLE, "size": 2**60}]}, "size must be from 0"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(number: int, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        parse_found({**FOUND[number], **change})


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3)
keys = st.sampled_from([key for body in FOUND for key in body] + list(VARIABLE))
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner))


@given(st.sampled_from(FOUND), st.dictionaries(keys, values))
def test_anything_else_is_an_error_too(body: dict[str, Any], change: dict[str, Any]) -> None:
    with contextlib.suppress(ProtocolError):
        parse_found({**body, **change})
