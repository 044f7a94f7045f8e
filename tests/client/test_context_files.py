"""Both faces have the same methods for files, with the same arguments."""

import inspect

import pytest

from interpreterd.client.context_files import AsyncContextWithFiles, ContextWithFiles


@pytest.mark.parametrize("name", ["upload", "download", "files", "delete_file"])
def test_both_faces_take_the_same_arguments(name: str) -> None:
    blocking, waiting = getattr(ContextWithFiles, name), getattr(AsyncContextWithFiles, name)
    assert inspect.signature(blocking) == inspect.signature(waiting)
    assert inspect.iscoroutinefunction(waiting)
    assert not inspect.iscoroutinefunction(blocking)
