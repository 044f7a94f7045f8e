"""Errors of the system become one sentence, with the client's path."""

import errno
import os

import pytest

from interpreterd.files.told import shown, told
from interpreterd.model.errors import InterpreterError, OutOfResources
from interpreterd.model.file_errors import DiskFull, FileError, FileForbidden, InvalidPath, NoSuchFile, PathOutside


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.ENOENT, NoSuchFile, "file not found: a/b"),
        (errno.EXDEV, PathOutside, "a symbolic link leads out of the context's directory, or is absolute: a/b"),
        (errno.EACCES, FileForbidden, "permission denied: a/b"),
        (errno.EROFS, FileForbidden, "the file system is read-only: a/b"),
        (errno.ENAMETOOLONG, InvalidPath, "path has a name that is too long for the file system: a/b"),
        (errno.ENOSPC, DiskFull, "no space left on the disk: a/b"),
        (errno.EDQUOT, DiskFull, "the disk quota is exceeded: a/b"),
        (errno.EMFILE, OutOfResources, "the daemon has too many open files"),
        (errno.EIO, FileError, "Input/output error: a/b"),
    ],
)
def test_each_has_its_class_and_its_words(number: int, kind: type[InterpreterError], text: str) -> None:
    with pytest.raises(kind) as caught, told("a/b"):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind
    assert str(caught.value) == text


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), told("a"):
        raise ZeroDivisionError


def test_a_name_that_is_no_text_can_be_shown() -> None:
    assert shown("caf\udce9") == "caf�"
