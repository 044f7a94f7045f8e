"""The sentences of errors about state."""

from interpreterd.model.forks import Lost
from interpreterd.model.state_errors import NotCarried, NotSavedWhole


def test_what_is_lost_is_named_up_to_a_few() -> None:
    assert str(NotCarried([Lost("thread", "T1")])) == "strict: a fork cannot carry thread T1"
    assert str(NotCarried([Lost("thread", f"T{n}") for n in range(9)])).endswith("thread T4 and more")


def test_what_keeps_a_context_awake_is_named() -> None:
    error = NotSavedWhole([("f", "an open file")])
    assert str(error) == "the context cannot hibernate: it would lose f (an open file)"
    assert error.skipped == [("f", "an open file")]
