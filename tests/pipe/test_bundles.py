"""The display pipe's bytes become bundles, whatever they are and however they are cut."""

import pytest
from bundling import head, record
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.model.displays import ENCODED_LIMIT_BYTES, Json
from interpreterd.model.errors import ProtocolError
from interpreterd.pipe.bundles import RECORD_LIMIT_BYTES, Bundle, BundleDecoder


def test_a_bundle_has_all_that_was_published() -> None:
    data = {"text/plain": "é".encode(), "image/png": b"iVBO", "a/b+json": b'{"a":\n[1]}'}
    told = head(data, kind="update", displayId="d", metadata={"w": [1.5]}, wait=True)
    assert BundleDecoder().feed(told) == [
        Bundle(
            kind="update",
            data={"text/plain": "é", "image/png": "iVBO", "a/b+json": Json('{"a": [1]}')},
            metadata=Json('{"w":[1.5]}'),
            display_id="d",
            wait=True,
        )
    ]


@given(st.lists(st.integers(1, 700), max_size=20), st.integers(0, 900))
def test_records_may_be_cut_anywhere(cuts: list[int], first: int) -> None:
    text = b"0123456789" * 90
    whole = (
        head({"text/plain": text}, first) + record(b"D", text[first:]) * (first < len(text)) + head({}, kind="clear")
    )
    decoder, bundles, at = BundleDecoder(), [], 0
    for cut in (*cuts, len(whole)):
        bundles += decoder.feed(whole[at : at + cut])
        at += cut
    assert bundles == [Bundle(kind="display", data={"text/plain": text.decode()}), Bundle(kind="clear")]


@pytest.mark.parametrize("end", [record(b"X", b""), b""], ids=["given up", "replaced"])
def test_an_unfinished_bundle_is_dropped_with_the_rest_of_its_data(end: bytes) -> None:
    decoder = BundleDecoder()
    assert decoder.feed(head({"text/plain": b"x" * 1000}, 10)) == []
    assert decoder.incomplete
    after = head({"text/plain": b"y"})
    assert decoder.feed(end + after + record(b"D", b"late")) == [Bundle(kind="display", data={"text/plain": "y"})]
    assert not decoder.incomplete


@pytest.mark.parametrize(
    "wrong",
    [
        b"garbage" * 100,
        b"H-000200" + b" " * 512,
        b"H00001f0" + b" " * 0x1F0,
        b"D%07x" % RECORD_LIMIT_BYTES,
        record(b"H", b"{}"),
        record(b"H", b"{}\n"),
        record(b"H", b"[" * 400 + b"\n"),
        record(b"H", b'{"kind":["display"]}\n'),
        head({}, sizes={"a/b": -1}),
        head({}, sizes={"a/b": True}),
        head({}, sizes=[1]),
        head({}, sizes={"a/b": ENCODED_LIMIT_BYTES + 1}),
        head({}, sizes={str(number): 0 for number in range(65)}),
        head({}, sizes={"x" * 1001: 0}),
        head({}, displayId=7),
        head({}, displayId="x" * 1001),
        head({}, kind="update"),
        head({}, metadata=[1]),
        head({"application/json": b"{"}),
        head({"application/json": b'"\\ud800"'}),
        head({"application/json": b"[" * 2000 + b"]" * 2000}),
    ],
    ids=repr,
)
def test_what_is_no_bundle_breaks_the_protocol(wrong: bytes) -> None:
    decoder = BundleDecoder()
    fine = Bundle(kind="display", data={"text/plain": "x"})
    assert decoder.feed(head({"text/plain": b"x"}) + wrong) == [fine], "what came before it is not lost"
    with pytest.raises(ProtocolError):
        decoder.feed(b"")
    with pytest.raises(ProtocolError):
        BundleDecoder().feed(wrong)


def test_json_that_would_take_long_to_read_breaks_the_protocol() -> None:
    value = b"[" + b"{}," * 400_000 + b"{}]"
    decoder = BundleDecoder()
    decoder.feed(head({"a/b+json": value}, 0))
    parts = [record(b"D", value[start : start + 60_000]) for start in range(0, len(value), 60_000)]
    with pytest.raises(ProtocolError, match="too many elements"):
        decoder.feed(b"".join(parts))


@given(st.binary(max_size=2000))
def test_any_bytes_are_bundles_or_break_the_protocol(data: bytes) -> None:
    decoder = BundleDecoder()
    try:
        decoder.feed(data)
        decoder.feed(record(b"H", data))
    except ProtocolError:
        pass
