"""What an archive says of itself is read as it was written, or refused."""

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_archives import about

from interpreterd.contexts.state.backends.layout import Damaged
from interpreterd.contexts.state.backends.meta import decode_meta, encode_meta
from interpreterd.model.archives import Skipped

FULL = about(
    "id",
    name="näme",
    skipped=(Skipped("f", "it is an open file"),),
    modules=("numpy",),
    implementation="cpython",
    context_id="c",
    tenant="t",
    content_bytes=7,
)


def test_all_of_it_comes_back() -> None:
    assert decode_meta(encode_meta(FULL), 9) == attrs.evolve(FULL, size_bytes=9)


def test_what_an_earlier_version_does_not_say_is_empty() -> None:
    info = decode_meta(b'{"id": "x", "createdAt": 2, "later": 1}', 9)
    assert (info.id, info.created_at, info.saved, info.name) == ("x", 2.0, (), "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", None),
        ("id", 1),
        ("createdAt", "now"),
        ("createdAt", True),
        ("contentBytes", 1.5),
        ("saved", "abc"),
        ("saved", [1]),
        ("skipped", [["a"]]),
        ("skipped", 3),
        ("skipped", [["a", 1]]),
        ("modules", {}),
        ("tenant", []),
    ],
)
def test_another_type_is_refused(key: str, value: Any) -> None:
    body = orjson.loads(encode_meta(FULL))
    with pytest.raises(Damaged, match=r"^what it says of itself cannot be read"):
        decode_meta(orjson.dumps({**body, key: value}), 9)


@given(st.binary(max_size=50))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode_meta(data, 9)
