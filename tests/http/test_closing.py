"""The reason of a WebSocket close fits into its frame."""

from hypothesis import example, given
from hypothesis import strategies as st

from interpreterd.http.closing import REASON_LIMIT_BYTES, close_reason


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@example("x" * 122 + "é")
@example("x" * 123)
@example("x" * 121 + "😀")
@example("😀" * 40)
def test_a_close_reason_fits_and_cuts_no_character(text: str) -> None:
    reason = close_reason(text)
    assert len(reason) <= REASON_LIMIT_BYTES == 123
    assert text.startswith(reason.decode())
    assert len(text.encode()) <= 123 or len(reason) > 119
