"""What is kept of a context that rests: at first, nothing."""

from interpreterd.contexts.state.keeping import Moment, Rest


def test_a_context_in_which_nothing_has_happened_has_no_archive_and_needs_none() -> None:
    assert Rest() == Rest(archive_id=None, skipped=(), moment=Moment(changes=0, begun=0, count=0, count_before=0))
