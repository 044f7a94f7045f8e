"""The daemon tells the process that started it from a process that adopted it later."""

import os

import pytest

from interpreterd import parent


def test_the_variable_with_the_starters_pid_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parent.VARIABLE, str(os.getppid()))
    fd = parent.open_pidfd(loaded=False)
    assert fd is not None
    os.close(fd)
    monkeypatch.setenv(parent.VARIABLE, "1000000")
    with pytest.raises(ProcessLookupError):
        parent.open_pidfd(loaded=False)


def test_a_parent_that_has_ended_since_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may have its pid now."""
    monkeypatch.setattr(parent, "_PARENT", os.getpid())
    with pytest.raises(ProcessLookupError):
        parent.open_pidfd(loaded=False)


def test_a_parent_outside_of_the_namespace_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_PARENT", 0)
    assert parent.open_pidfd(loaded=False) is None


def test_behind_a_loader_it_is_the_loaders_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The starter's child is the loader; the loader's child is the daemon. The test's own ancestors stand for them."""
    monkeypatch.setattr(parent, "_PARENT", os.getpid())
    monkeypatch.setattr(parent, "_GRANDPARENT", os.getppid())
    fd = parent.open_pidfd(loaded=True)
    assert fd is not None
    os.close(fd)
    monkeypatch.setattr(parent, "_GRANDPARENT", 1)
    with pytest.raises(ProcessLookupError):
        parent.open_pidfd(loaded=True)
