"""The process that started the daemon: how it is told from one that has adopted the daemon since."""

import os

import pytest

from interpreterd import parent


def test_who_says_who_has_started_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parent.VARIABLE, str(os.getppid()))
    fd = parent.open_pidfd(loaded=False)
    assert fd is not None
    os.close(fd)
    monkeypatch.setenv(parent.VARIABLE, "1000000")
    with pytest.raises(ProcessLookupError):
        parent.open_pidfd(loaded=False)


def test_a_parent_that_has_ended_since_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be another process's by now."""
    monkeypatch.setattr(parent, "_PARENT", os.getpid())
    with pytest.raises(ProcessLookupError):
        parent.open_pidfd(loaded=False)


def test_a_parent_outside_of_the_namespace_is_nobody_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_PARENT", 0)
    assert parent.open_pidfd(loaded=False) is None


def test_behind_a_loader_it_is_the_loaders_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon is the loader's child, and the loader the starter's: here all of them are this process's parents."""
    monkeypatch.setattr(parent, "_PARENT", os.getpid())
    monkeypatch.setattr(parent, "_GRANDPARENT", os.getppid())
    fd = parent.open_pidfd(loaded=True)
    assert fd is not None
    os.close(fd)
    monkeypatch.setattr(parent, "_GRANDPARENT", 1)
    with pytest.raises(ProcessLookupError):
        parent.open_pidfd(loaded=True)
