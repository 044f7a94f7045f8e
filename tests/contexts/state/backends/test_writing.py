"""What is written is an archive when it is committed, and nothing before that."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_archives import Content, about, noise

from interpreterd.contexts.state.backends.durable import DurableFile
from interpreterd.contexts.state.backends.layout import CONTENT_BLOCK_BYTES
from interpreterd.contexts.state.backends.owning import Keys
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.model.errors import LimitReached
from interpreterd.model.file_errors import DiskFull

KEY = b"k" * 32


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.fixture
def writer(directory: int) -> "Iterator[ArchiveWriter]":
    with contextlib.closing(ArchiveWriter(directory, KEY)) as made:
        yield made


def content(directory: int, name: str) -> bytes:
    with contextlib.closing(ArchiveReader.open(directory, name, Keys([KEY]))) as reader:
        return b"".join(reader.blocks())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        noise(CONTENT_BLOCK_BYTES),
        noise(CONTENT_BLOCK_BYTES + 1),
        bytes(5 * CONTENT_BLOCK_BYTES) + noise(9 * CONTENT_BLOCK_BYTES) + b"end",
    ],
    ids=["nothing", "a-byte", "a-block", "a-byte-more", "many-blocks"],
)
def test_content_comes_back(directory: int, writer: ArchiveWriter, data: bytes) -> None:
    writer.copy_from(Content(data, piece_bytes=300_000))
    info = writer.commit(about("a"))
    assert info.content_bytes == len(data)
    assert info.size_bytes == os.stat("a", dir_fd=directory).st_size
    assert content(directory, "a") == data


def test_the_file_is_smaller_than_content_that_can_be_compressed(directory: int, writer: ArchiveWriter) -> None:
    writer.copy_from(Content(bytes(20 * CONTENT_BLOCK_BYTES)))
    assert writer.commit(about("a")).size_bytes < CONTENT_BLOCK_BYTES


NUMBERS = b"".join(it.to_bytes(8, "little") for it in range(CONTENT_BLOCK_BYTES // 8)) * 20


@pytest.mark.parametrize(
    ("data", "waits", "shrinks"),
    [
        (NUMBERS, True, False),
        (NUMBERS, False, True),
        (bytes(len(NUMBERS)), True, True),
        (NUMBERS[: 3 * CONTENT_BLOCK_BYTES], True, True),
    ],
    ids=["its worker would wait", "its worker need not wait", "it is quick", "it is short"],
)
def test_a_long_archive_is_compressed_only_while_its_worker_need_not_wait(
    directory: int, writer: ArchiveWriter, data: bytes, waits: bool, shrinks: bool
) -> None:
    source = Content(data)
    source.is_waiting = waits
    writer.copy_from(source)
    size = writer.commit(about("a")).size_bytes
    assert (size < len(data) // 2) == shrinks
    assert content(directory, "a") == data


def test_what_is_not_compressed_at_all_is_read_from_the_file_itself(directory: int, writer: ArchiveWriter) -> None:
    writer.copy_from(Content(NUMBERS))
    writer.commit(about("a"))
    with contextlib.closing(ArchiveReader.open(directory, "a", Keys([KEY]))) as reader:
        offset, size = reader.content_place
        assert os.pread(reader.fd, size, offset) == NUMBERS


def test_what_is_not_committed_leaves_nothing(writer: ArchiveWriter, tmp_path: Path) -> None:
    writer.copy_from(Content(b"abc"))
    writer.close()
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_an_archive_is_replaced_only_if_that_is_wanted(directory: int, writer: ArchiveWriter, tmp_path: Path) -> None:
    writer.copy_from(Content(b"1"))
    writer.commit(about("a"))
    with contextlib.closing(ArchiveWriter(directory, KEY)) as second:
        second.copy_from(Content(b"2"))
        with pytest.raises(FileExistsError):
            second.commit(about("a"))
    assert content(directory, "a") == b"1"
    with contextlib.closing(ArchiveWriter(directory, KEY)) as third:
        third.copy_from(Content(b"3"))
        third.commit(about("a"), replace=True)
    assert content(directory, "a") == b"3"
    assert [it.name for it in tmp_path.iterdir()] == ["a"]


def test_a_size_that_it_may_not_have_is_refused_before_it_has_it(directory: int, tmp_path: Path) -> None:
    def may_have(size_bytes: int) -> None:
        if size_bytes > 2 * CONTENT_BLOCK_BYTES:
            assert sum(it.stat().st_size for it in tmp_path.iterdir()) <= 2 * CONTENT_BLOCK_BYTES
            raise LimitReached("full")

    with contextlib.closing(ArchiveWriter(directory, KEY, may_have)) as writer, pytest.raises(LimitReached):
        writer.copy_from(Content(noise(9 * CONTENT_BLOCK_BYTES)))
    assert list(tmp_path.iterdir()) == []
    with contextlib.closing(ArchiveWriter(directory, KEY, may_have)) as writer:
        writer.copy_from(Content(noise(CONTENT_BLOCK_BYTES)))
        with pytest.raises(LimitReached):
            writer.commit(about("a", saved=("x" * 2 * CONTENT_BLOCK_BYTES,)))


def test_an_error_of_the_source_is_its_own(writer: ArchiveWriter) -> None:
    with pytest.raises(ZeroDivisionError):
        writer.copy_from(Content(noise(4 * CONTENT_BLOCK_BYTES), failure=ZeroDivisionError()))


def test_a_full_disk_is_told(writer: ArchiveWriter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DurableFile, "write", fail)
    with pytest.raises(DiskFull, match=r"^no space is left on the disk for the archive$"):
        writer.copy_from(Content(b"abc"))
    with pytest.raises(DiskFull):
        writer.commit(about("a"))
    writer.close()
    assert list(tmp_path.iterdir()) == []
