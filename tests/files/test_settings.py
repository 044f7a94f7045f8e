"""The limit of an upload: none, unless it is set."""

from interpreterd.files.settings import FileSettings
from interpreterd.settings import Settings


def test_there_is_no_limit_by_default() -> None:
    assert FileSettings().file_limit_bytes is None
    assert Settings.of(file_limit_bytes=5).files.file_limit_bytes == 5
