"""The errors of files have codes of their own; a bad path is a bad request."""

import pytest

from interpreterd.model import file_errors
from interpreterd.model.errors import InterpreterError, InvalidRequest
from interpreterd.model.file_errors import FileError, InvalidPath, RangeOutside

KINDS = [it for it in vars(file_errors).values() if isinstance(it, type) and it.__module__ == file_errors.__name__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_each_has_a_code_of_its_own(kind: type[InterpreterError]) -> None:
    assert "code" in vars(kind)
    assert [other for other in KINDS if other.code == kind.code] == [kind]
    assert issubclass(kind, FileError) or kind is InvalidPath


def test_a_bad_path_is_a_bad_request() -> None:
    assert issubclass(InvalidPath, InvalidRequest)


def test_a_range_outside_names_the_size() -> None:
    assert RangeOutside(5).again().size_bytes == 5
    assert str(RangeOutside(5)) == "the range must begin before the end of the file, which has 5 bytes"
