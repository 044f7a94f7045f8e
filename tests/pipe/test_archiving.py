"""A worker's messages about archives: of the right form, and bounded."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.model.archives import Skipped
from interpreterd.model.errors import ProtocolError
from interpreterd.pipe.archiving import ARCHIVE_PARSERS, NAMES_LIMIT, Archived
from interpreterd.pipe.messages import decode_line

WHOLE: dict[str, Any] = {"type": "archived", "id": "a", "saved": [], "skipped": [], "modules": [], "bytes": 1}


def read(**changes: Any) -> Any:
    return decode_line(orjson.dumps({**WHOLE, **changes}))


def test_long_names_and_reasons_are_cut() -> None:
    message = read(saved=["x" * 5000], skipped=[{"name": "y" * 5000, "reason": "z" * 5000}])
    assert message == Archived(saved=("x" * 400,), skipped=(Skipped("y" * 400, "z" * 2000),), modules=(), size_bytes=1)


def test_an_answer_may_be_longer_than_other_messages() -> None:
    assert len(read(saved=["x" * 400] * NAMES_LIMIT).saved) == NAMES_LIMIT


@pytest.mark.parametrize(
    "changes",
    [
        {"saved": ["x"] * (NAMES_LIMIT + 1)},
        {"saved": [1]},
        {"saved": None},
        {"skipped": ["x"]},
        {"skipped": [{"name": "x"}]},
        {"skipped": [{"name": "x", "reason": 1}]},
        {"modules": "numpy"},
        {"bytes": -1},
        {"bytes": True},
        {"bytes": 1 << 60},
        {"omitted": [1, 2, 3]},
        {"omitted": [True]},
    ],
)
def test_another_form_is_a_breach_of_the_protocol(changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        read(**changes)


@given(
    st.sampled_from(sorted(ARCHIVE_PARSERS)),
    st.dictionaries(
        st.sampled_from(["id", "saved", "skipped", "modules", "bytes", "restored", "reason", "omitted"]),
        st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=5),
    ),
)
def test_any_object_is_read_or_refused(kind: str, body: dict[str, Any]) -> None:
    with contextlib.suppress(ProtocolError):
        decode_line(orjson.dumps({**body, "type": kind}))
