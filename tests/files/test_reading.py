"""Only regular files are opened, and a FIFO does not notice it."""

import os
import socket
from pathlib import Path

import pytest

from interpreterd.files.reading import ReadableFile
from interpreterd.model.errors import InterpreterError
from interpreterd.model.file_errors import FileError, InvalidPath, NoSuchFile, NotADirectory, NotAFile, PathOutside


def test_a_file_is_read_in_pieces(directory: Path) -> None:
    (directory / "file").write_bytes(b"0123456789")
    file = ReadableFile.open(str(directory), "file")
    assert (file.info.path, file.info.kind, file.info.size_bytes) == ("file", "file", 10)
    assert (file.read(0, 4), file.read(8, 4), file.read(10, 4)) == (b"0123", b"89", b"")
    file.close()
    file.close()
    with pytest.raises(FileError):
        file.read(0, 1)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/hostname", InvalidPath),
        ("../secret", InvalidPath),
        ("nothing", NoSuchFile),
        ("directory", NotAFile),
        ("fifo", NotAFile),
        ("socket", NotAFile),
        ("device", PathOutside),
        ("out", PathOutside),
        ("file/x", NotADirectory),
    ],
)
def test_nothing_else_is_opened(
    directory: Path, path: str, kind: type[InterpreterError], monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "directory").mkdir()
    (directory / "file").touch()
    (directory / "out").symlink_to("../secret")
    (directory / "device").symlink_to("/dev/zero")
    os.mkfifo(directory / "fifo")
    monkeypatch.chdir(directory)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(kind):
            ReadableFile.open(str(directory), path)


def test_the_writer_of_a_fifo_is_not_woken(directory: Path) -> None:
    os.mkfifo(directory / "fifo")
    with pytest.raises(NotAFile, match="FIFO"):
        ReadableFile.open(str(directory), "fifo")
    with pytest.raises(OSError, match="No such device"):  # no reader has been there
        os.open(directory / "fifo", os.O_WRONLY | os.O_NONBLOCK)


def test_a_file_stays_the_same_when_its_name_changes_hands(directory: Path) -> None:
    (directory / "file").write_bytes(b"mine")
    file = ReadableFile.open(str(directory), "file")
    (directory / "file").unlink()
    (directory / "file").symlink_to("../secret")
    assert file.read(0, 100) == b"mine"
    file.close()
