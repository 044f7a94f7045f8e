"""A range of users in a setting."""

import pytest

from interpreterd.workers.isolation.user_range import user_range


@pytest.mark.parametrize(
    "text", ["1", "0-5", "5-4", "1-4294967295", "-1-5", "1-x", "1-2-3", "1 000-2 000", "٣-٥", "9" * 20 + "-9"]
)
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be FIRST-LAST, .* for example 100000-165535"):
        user_range(text)


def test_a_range_has_both_of_its_ends() -> None:
    found = user_range("100000-165535")
    assert found is not None
    assert (found.first, found.last, len(found), str(found)) == (100_000, 165_535, 65_536, "100000-165535")
    one = user_range("7-7")
    assert one is not None
    assert (len(one), 7 in one, 8 in one) == (1, True, False)


def test_the_empty_text_is_no_range() -> None:
    assert user_range(" ") is None
