"""``mcp.arguments``: what a model sends is checked, and what is wrong is named."""

from typing import Any

import pytest

from interpreterd.mcp.answers import Unusable
from interpreterd.mcp.arguments import Arguments, texts

KNOWN = ["code", "wait", "timeout", "new"]


def arguments(**given: Any) -> Arguments:
    return Arguments("tool", given, KNOWN)


def test_what_is_right_is_taken() -> None:
    given = arguments(code="x", wait="1.5", timeout=60.0, new={"a": 1})
    assert given.text("code") == "x"
    assert given.number("wait", default=0, least=0, most=45) == 1.5
    assert given.whole("timeout", default=None, least=1, most=100) == 60
    assert given.table("new") == {"a": 1}
    nothing = arguments(code=None)
    assert (nothing.optional_text("code"), "code" in nothing) == (None, False)
    assert (nothing.number("wait", default=45, least=0, most=45), nothing.table("new")) == (45, None)


def check_all(given: dict[str, Any]) -> None:
    checked = Arguments("tool", given, KNOWN)
    checked.number("wait", default=0, least=0, most=45)
    checked.whole("timeout", default=None, least=1, most=100)
    checked.table("new")
    checked.text("code")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"code": ["x"]}, "code must be a string, not an array"),
        ({"code": ""}, "tool needs the argument code, a string that is not empty"),
        ({"wait": "soon"}, "wait must be a number, not a string"),
        ({"wait": True}, "wait must be a number, not a boolean"),
        ({"wait": float("nan")}, "wait must be a number, not a number"),
        ({"wait": -1}, "wait must be from 0 to 45, not -1"),
        ({"timeout": 1.5}, "timeout must be a whole number, not 1.5"),
        ({"new": []}, "new must be an object, not an array"),
        ({"cod": "x"}, "tool has no argument cod; did you mean code?"),
        ({"zzz": 1}, "tool has no argument zzz; it has code, wait, timeout, new"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Unusable) as caught:
        check_all(given)
    assert str(caught.value) == said


def test_a_choice_and_texts() -> None:
    assert arguments(code="a").choice("code", ["a", "b"]) == "a"
    with pytest.raises(Unusable, match="tool needs the argument code: one of a, b"):
        arguments(code="c").choice("code", ["a", "b"])
    assert texts({"envs": {"A": "1"}}, "envs") == {"A": "1"}
    assert texts({}, "envs") == {}
    with pytest.raises(Unusable, match="envs must be an object whose values are strings"):
        texts({"envs": ["A"]}, "envs")
