"""The end of a context by itself: its error and its event."""

from interpreterd.model.errors import ContextDeleted
from interpreterd.model.expiry import ContextExpired, Expired


def test_it_is_a_deletion_that_says_why() -> None:
    error = ContextExpired("c", "it was idle for 3 s")
    assert isinstance(error, ContextDeleted)
    assert str(error) == "context expired: c: it was idle for 3 s"
    assert str(error.again()) == str(error)
    assert error.code == "context_expired"
    assert not Expired(why="x").counts_as_backlog
