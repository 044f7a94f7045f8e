"""The worker's bytecode in a file in memory."""

import contextlib
import errno
import os
import resource
from collections.abc import Iterator

import pytest

from interpreterd.workers import script


def test_lifting_the_limit_of_file_sizes_is_for_a_moment() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    os.close(script.in_memory(b"x" * 100))
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before


def test_a_script_that_cannot_be_written_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def too_little() -> Iterator[None]:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        yield

    monkeypatch.setattr(script, "_files_of_any_size", too_little)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="File too large"):
        script.in_memory(b"x")
    assert os.listdir("/proc/self/fd") == before
