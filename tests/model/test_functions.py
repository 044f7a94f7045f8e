"""Host functions: which names and how many an execution may have; the memory of their events."""

import pytest

from interpreterd.model.displays import Json
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.events import EVENT_BYTES
from interpreterd.model.functions import (
    DECLARED_LIMIT_BYTES,
    FUNCTIONS_LIMIT,
    CallOutcome,
    FunctionCall,
    FunctionEnd,
    HostFunction,
    HostRaised,
    Returned,
    check_functions,
)
from interpreterd.model.memory import text_bytes

GOOD = ["f", "search_2", "_private", "über", "github.search", "print", "match", "x" * 128, "__init", "a._b"]
BAD = [
    "",
    "1f",
    "a b",
    "a.",
    ".a",
    "a.b.c",
    "for",
    "None",
    "a.class",
    "__f__",
    "_",
    "__",
    "a.__b__",
    "ﬁ",
    "x" * 129,
    "a-b",
]


def named(*names: str) -> list[HostFunction]:
    return [HostFunction(name=name) for name in names]


def test_names_are_identifiers_or_two_of_them() -> None:
    check_functions(named(*GOOD))


@pytest.mark.parametrize("name", BAD)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="functions must have names that are Python identifiers") as caught:
        check_functions(named("f", name))
    assert repr(name)[:100] in str(caught.value)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["f", "g", "f"], "functions must have different names: 'f' is there twice"),
        (["a.b", "a"], "functions must not have 'a' both as a function and before a dot"),
        ([f"f{number}" for number in range(FUNCTIONS_LIMIT + 1)], "functions must have at most 128 items"),
    ],
)
def test_what_cannot_stand_together_is_refused(names: list[str], told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_functions(named(*names))
    assert str(caught.value) == told


def test_all_texts_together_are_bounded() -> None:
    check_functions([HostFunction(name="f", doc="x" * (DECLARED_LIMIT_BYTES - 1))])
    for more in (HostFunction(name="g"), HostFunction(name="g", signature="ü"), HostFunction(name="g", doc="xx")):
        with pytest.raises(InvalidRequest, match="at most 65536 bytes long"):
            check_functions([HostFunction(name="f", doc="x" * (DECLARED_LIMIT_BYTES - 1)), more])
    check_functions([HostFunction(name=f"f{number}", doc="x" * 400) for number in range(FUNCTIONS_LIMIT)])


def test_values_stay_out_of_logs() -> None:
    shown = [
        Returned(value=Json('"secret"')),
        HostRaised(name="E", value="secret"),
        HostFunction(name="f", doc="secret"),
    ]
    assert "secret" not in repr(shown)


def test_a_call_counts_its_arguments() -> None:
    short = FunctionCall(call_id="1", name="f", args=Json("[]"), kwargs=Json("{}"))
    long = FunctionCall(call_id="1", name="f", args=Json("[" + " " * 10_000 + "]"), kwargs=Json("{}"))
    assert long.kept_bytes - short.kept_bytes == 10_000
    end = FunctionEnd(call_id="1", outcome=CallOutcome.RETURNED)
    assert end.kept_bytes == EVENT_BYTES + text_bytes("1")
