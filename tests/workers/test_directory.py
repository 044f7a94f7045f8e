"""The directories that a worker can start in, and the errors for others."""

from pathlib import Path

import pytest

from interpreterd.model.errors import (
    InvalidWorkingDirectory,
)
from interpreterd.workers.directory import check_directory


def test_a_directory_that_will_do(tmp_path: Path) -> None:
    assert check_directory(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize(
    ("cwd", "reason"),
    [
        ("relative", "working directory is not an absolute path: relative"),
        ("{tmp}/missing", "working directory does not exist: {tmp}/missing"),
        ("{tmp}/file", "working directory is not a directory: {tmp}/file"),
        ("{tmp}/loop", "working directory does not exist: {tmp}/loop"),
        ("/nul\0", "working directory does not exist: /nul\0"),
        ("/" + "x" * 1000, "working directory does not exist: /" + "x" * 1000),
    ],
    ids=["relative", "missing", "file", "loop", "nul", "long"],
)
def test_a_directory_that_will_not_do(cwd: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InvalidWorkingDirectory) as caught:
        check_directory(cwd.replace("{tmp}", str(tmp_path)))
    assert str(caught.value) == reason.replace("{tmp}", str(tmp_path))


def test_a_directory_that_cannot_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # a superuser may enter anything
    with pytest.raises(InvalidWorkingDirectory, match="cannot be entered"):
        check_directory(str(tmp_path))
