"""The exceptions that a worker reports are untrusted: each key has its type, and everything its bound."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.dialects.native.bodies import exception_body
from interpreterd.model.errors import ProtocolError
from interpreterd.model.failures import DESCRIBED_FRAMES_LIMIT, EXCEPTIONS_LIMIT, NOTES_LIMIT
from interpreterd.pipe.failures import parse_reported

FRAME: dict[str, Any] = {
    "file": "<cell>",
    "cell": 1,
    "line": 2,
    "endLine": 2,
    "column": 0,
    "endColumn": 5,
    "function": "<module>",
    "source": "1 / 0",
}
LINKED: dict[str, Any] = {
    "name": "E",
    "value": "v",
    "frames": [FRAME],
    "omittedFrames": 0,
    "notes": ["n"],
    "suggestion": None,
    "cause": None,
    "context": None,
    "suppressContext": False,
    "exceptions": [],
}
ERROR = {**LINKED, "traceback": "t"}


def nested(depth: int) -> dict[str, Any]:
    error = LINKED
    for _ in range(depth):
        error = {**LINKED, "cause": error}
    return {**error, "traceback": "t"}


@pytest.mark.parametrize(
    "error",
    [ERROR, nested(EXCEPTIONS_LIMIT - 1), {**ERROR, "exceptions": [LINKED] * 3, "context": LINKED}],
    ids=["plain", "deep", "wide"],
)
def test_a_client_sees_what_the_worker_has_told(error: dict[str, Any]) -> None:
    assert orjson.loads(orjson.dumps(exception_body(parse_reported(error)))) == error


def test_a_text_alone_is_enough() -> None:
    error = {"name": "E", "value": "v", "traceback": "t"}
    failure = parse_reported(error)
    assert (failure.details, failure.frames, failure.cause) == (None, (), None)
    assert exception_body(failure) == error


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frames": None}, "frames must be list"),
        ({"frames": [1]}, "frames must hold dict only"),
        ({"frames": [FRAME] * (DESCRIBED_FRAMES_LIMIT + 1)}, "frames must have at most"),
        ({"frames": [{**FRAME, "line": True}]}, "line must be int"),
        ({"frames": [{**FRAME, "column": -1}]}, "column must be from 0"),
        ({"frames": [{**FRAME, "line": 2**60}]}, "line must be from 0"),
        ({"frames": [{key: it for key, it in FRAME.items() if key != "source"}]}, "source must be str"),
        ({"omittedFrames": -1}, "omittedFrames must be from 0"),
        ({"notes": ["n"] * (NOTES_LIMIT + 1)}, "notes must have at most"),
        ({"notes": [1]}, "notes must hold str only"),
        ({"suggestion": 1}, "suggestion must be str"),
        ({"suppressContext": 1}, "suppressContext must be bool"),
        ({"cause": "E"}, "cause must be dict"),
        ({"cause": {**LINKED, "value": 1}}, "value must be str"),
        ({"exceptions": [LINKED] * EXCEPTIONS_LIMIT}, f"at most {EXCEPTIONS_LIMIT} exceptions"),
        ({"cause": nested(EXCEPTIONS_LIMIT)}, f"at most {EXCEPTIONS_LIMIT} exceptions"),
        ({"traceback": 1}, "traceback must be str"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        parse_reported({**ERROR, **change})


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*ERROR, *FRAME]), inner)
)


@given(st.dictionaries(st.sampled_from(list(ERROR)), values) | values)
def test_anything_else_is_an_error_too(value: Any) -> None:
    for body in (value, {**ERROR, **value} if isinstance(value, dict) else value):
        try:
            failure = parse_reported(body)
        except ProtocolError:
            continue
        assert len(orjson.dumps(exception_body(failure))) <= len(orjson.dumps(body)), "no longer than it came"
