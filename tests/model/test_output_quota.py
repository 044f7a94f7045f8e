"""The quota of output that an execution has left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.model.events import Output, Stream
from interpreterd.model.output_quota import OutputQuota

OUT, ERR = Stream.STDOUT, Stream.STDERR
texts = st.lists(st.tuples(st.sampled_from(Stream), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))


def test_up_to_the_limit_everything_passes() -> None:
    quota = OutputQuota(5)
    assert [quota.admit(OUT, "abc"), quota.admit(ERR, "de")] == ["abc", "de"]
    assert (quota.cut_bytes, quota.close()) == (0, [])


def test_after_the_first_cut_nothing_passes_and_the_end_says_how_much_was_cut() -> None:
    quota = OutputQuota(5)
    assert quota.admit(OUT, "abc") == "abc"
    assert quota.admit(ERR, "defg") == "de"
    assert quota.admit(OUT, "h") == ""
    marker = "\n[output limit of 5 bytes reached: 3 more bytes were cut]\n"
    assert quota.close() == [Output(stream=ERR, text=marker)]


@pytest.mark.parametrize(("limit_bytes", "passed"), [(1, "a"), (2, "a"), (3, "aé"), (6, "aé"), (7, "aé😀")])
def test_no_character_is_cut(limit_bytes: int, passed: str) -> None:
    quota = OutputQuota(limit_bytes)
    assert quota.admit(OUT, "aé😀z") == passed
    assert quota.cut_bytes == len("aé😀z".encode()) - len(passed.encode())


@given(texts, st.integers(0, 40))
def test_what_passes_is_the_beginning_and_fits(written: list[tuple[Stream, str]], limit_bytes: int) -> None:
    quota = OutputQuota(limit_bytes)
    passed = "".join(quota.admit(stream, text) for stream, text in written)
    whole = "".join(text for _, text in written)
    assert whole.startswith(passed)
    assert len(passed.encode()) <= limit_bytes
    assert quota.cut_bytes == len(whole.encode()) - len(passed.encode())
    assert bool(quota.close()) is (passed != whole)
