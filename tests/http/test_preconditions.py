"""Conditions and ranges, as RFC 9110 has them."""

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.http.preconditions import FilePart, http_date, is_unchanged, parse_condition, wanted_part
from interpreterd.model.file_errors import ConditionFailed, RangeOutside
from interpreterd.model.files import FileCondition, FileInfo

MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"
BEFORE, AFTER = "Sun, 09 Sep 2001 01:46:39 GMT", "Sun, 09 Sep 2001 01:46:41 GMT"
INFO = FileInfo(path="file", kind="file", size_bytes=10, modified_at=1_000_000_000.5, etag="e")


def request(**headers: str) -> object:
    return make_mocked_request("GET", "/", headers=[(name.replace("_", "-"), value) for name, value in headers.items()])


def part(text: str, **headers: str) -> FilePart | None:
    return wanted_part(request(Range=text, **headers), INFO)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=9-9", (9, 10)),
        ("Bytes= 0-0 ", (0, 1)),
        ("bytes=3-2", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=x-1", None),
        ("bytes=٣-", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_one_range_is_taken_and_all_else_is_the_whole(text: str, expected: tuple[int, int] | None) -> None:
    assert part(text) == (None if expected is None else FilePart(*expected))


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_outside_is_refused(text: str) -> None:
    with pytest.raises(RangeOutside):
        part(text)


@pytest.mark.parametrize(
    ("version", "is_partial"),
    [('"e"', True), ('"f"', False), ('W/"e"', False), (MODIFIED, True), (AFTER, False), (BEFORE, False), ("x", False)],
)
def test_a_range_is_of_the_version_that_the_client_has(version: str, is_partial: bool) -> None:
    assert (part("bytes=0-0", If_Range=version) is not None) is is_partial


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_range_is_a_part_the_whole_or_outside(text: str) -> None:
    try:
        found = part("bytes=" + text)
    except RangeOutside:
        return
    assert found is None or 0 <= found.start < found.end <= 10


@pytest.mark.parametrize(
    ("headers", "unchanged"),
    [
        ({}, False),
        ({"If_None_Match": '"e"'}, True),
        ({"If_None_Match": 'W/"e"'}, True),
        ({"If_None_Match": '"x", "e"'}, True),
        ({"If_None_Match": "*"}, True),
        ({"If_None_Match": '"x"'}, False),
        ({"If_None_Match": '"x"', "If_Modified_Since": AFTER}, False),
        ({"If_Modified_Since": MODIFIED}, True),
        ({"If_Modified_Since": AFTER}, True),
        ({"If_Modified_Since": BEFORE}, False),
        ({"If_Modified_Since": "yesterday"}, False),
        ({"If_Match": '"e"'}, False),
        ({"If_Match": "*", "If_Unmodified_Since": BEFORE}, False),
        ({"If_Unmodified_Since": MODIFIED}, False),
        ({"If_Unmodified_Since": "x"}, False),
    ],
)
def test_a_client_that_has_the_file_is_told_so(headers: dict[str, str], unchanged: bool) -> None:
    assert is_unchanged(request(**headers), INFO) is unchanged  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", [{"If_Match": '"x"'}, {"If_Match": 'W/"e"'}, {"If_Unmodified_Since": BEFORE}])
def test_a_client_that_wants_another_version_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ConditionFailed):
        is_unchanged(request(**headers), INFO)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, FileCondition()),
        ({"If_Match": '"a", "b,c" , W/"d"'}, FileCondition(match=frozenset({"a", "b,c"}))),
        ({"If_None_Match": " * "}, FileCondition(none_match=frozenset({"*"}))),
        ({"If_Match": "e"}, FileCondition(match=frozenset())),
        ({"If_Match": ""}, FileCondition(match=frozenset())),
    ],
)
def test_a_condition_of_a_change(headers: dict[str, str], expected: FileCondition) -> None:
    assert parse_condition(request(**headers)) == expected  # type: ignore[arg-type]


def test_a_date_is_that_of_the_file_and_not_in_the_future() -> None:
    assert http_date(INFO) == MODIFIED
    later = FileInfo(path="file", kind="file", size_bytes=0, modified_at=253_402_300_799.0, etag="e")
    assert not http_date(later).endswith("9999 23:59:59 GMT")
