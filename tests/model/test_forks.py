"""Requests for forks."""

from interpreterd.model.forks import COPIES_LIMIT, ForkContext


def test_one_copy_in_the_same_directory_is_usual() -> None:
    usual = ForkContext()
    assert (usual.count, usual.cwd, usual.strict, usual.metadata) == (1, "same", False, None)
    assert COPIES_LIMIT == 64
