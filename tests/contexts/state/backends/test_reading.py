"""Nothing of an archive is used for which its key does not vouch."""

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from kept_archives import Content, about, noise

from interpreterd.contexts.state.backends.layout import CONTENT_BLOCK_BYTES, END_BYTES, HEAD_BYTES
from interpreterd.contexts.state.backends.owning import Keys
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.model.state_errors import ArchiveRefused

KEY = b"k" * 32
CONTENT = noise(CONTENT_BLOCK_BYTES, 1) + noise(CONTENT_BLOCK_BYTES, 2) + bytes(CONTENT_BLOCK_BYTES) + b"end"


def written(directory: Path, name: str = "a", data: bytes = CONTENT) -> bytes:
    fd = os.open(directory, os.O_RDONLY)
    with contextlib.closing(ArchiveWriter(fd, KEY)) as writer:
        writer.copy_from(Content(data))
        writer.commit(about(name))
    os.close(fd)
    return (directory / name).read_bytes()


def read(path: Path, key: bytes = KEY) -> bytes:
    fd = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.closing(ArchiveReader.open(fd, path.name, Keys([key]))) as reader:
            reader.check()
            return b"".join(reader.blocks())
    finally:
        os.close(fd)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("whole"))


def refused(tmp_path: Path, data: bytes, key: bytes = KEY) -> str:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ArchiveRefused) as caught:
        read(tmp_path / "a", key)
    return str(caught.value)


def test_a_whole_archive_is_read(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "a").write_bytes(whole)
    assert read(tmp_path / "a") == CONTENT


def test_an_archive_of_another_key_is_foreign(tmp_path: Path, whole: bytes) -> None:
    assert refused(tmp_path, whole, b"K" * 32).startswith("the archive a is foreign: it was signed with another key")
    damaged = whole[:-40] + b"0" + whole[-39:]
    assert "foreign" in refused(tmp_path, damaged, b"K" * 32)  # its signature: without the key, no one can tell


def test_an_archive_of_which_a_part_is_missing_is_corrupt(tmp_path: Path, whole: bytes) -> None:
    dice = random.Random(1)
    for size in (0, 1, HEAD_BYTES, END_BYTES, len(whole) - 1, *(dice.randrange(len(whole)) for _ in range(40))):
        assert refused(tmp_path, whole[:size]).startswith("the archive a is corrupt: ")
        assert refused(tmp_path, whole[size + 1 :]).startswith("the archive a is corrupt: ")


def test_an_archive_of_which_a_bit_is_wrong_is_corrupt(tmp_path: Path, whole: bytes) -> None:
    dice = random.Random(2)
    places = [*range(HEAD_BYTES), *range(len(whole) - END_BYTES - 400, len(whole))]
    for place in (*dice.sample(places, 40), *(dice.randrange(len(whole)) for _ in range(40))):
        data = bytearray(whole)
        data[place] ^= 1 << dice.randrange(8)
        assert refused(tmp_path, bytes(data)).startswith(("the archive a is corrupt: ", "the archive a is foreign: "))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\0",
        lambda data: data[: -(64 << 10)] + bytes(64 << 10),
        lambda data: data[:HEAD_BYTES] + bytes(4096) + data[HEAD_BYTES + 4096 :],
        lambda data: data[: HEAD_BYTES + CONTENT_BLOCK_BYTES] * 2 + data[HEAD_BYTES + CONTENT_BLOCK_BYTES :],
        lambda data: (
            data[:HEAD_BYTES]
            + data[HEAD_BYTES + CONTENT_BLOCK_BYTES : HEAD_BYTES + 2 * CONTENT_BLOCK_BYTES]
            + data[HEAD_BYTES : HEAD_BYTES + CONTENT_BLOCK_BYTES]
            + data[HEAD_BYTES + 2 * CONTENT_BLOCK_BYTES :]
        ),
    ],
    ids=["longer", "a torn tail", "a lost page", "a block twice", "two blocks in another order"],
)
def test_an_archive_that_a_disk_has_mixed_up_is_corrupt(
    tmp_path: Path, whole: bytes, change: Callable[[bytes], bytes]
) -> None:
    assert refused(tmp_path, change(whole)).startswith("the archive a is corrupt: ")


def test_the_end_of_another_archive_does_not_vouch_for_it(tmp_path: Path, whole: bytes) -> None:
    other = written(tmp_path, "b", noise(CONTENT_BLOCK_BYTES, 3) + CONTENT[CONTENT_BLOCK_BYTES:])
    assert len(other) == len(whole)
    assert "corrupt" in refused(tmp_path, whole[:-END_BYTES] + other[-END_BYTES:])


def test_no_block_is_given_before_it_is_known_to_be_right(tmp_path: Path, whole: bytes) -> None:
    data = bytearray(whole)
    data[HEAD_BYTES + CONTENT_BLOCK_BYTES + 5] ^= 1
    (tmp_path / "a").write_bytes(data)
    fd = os.open(tmp_path, os.O_RDONLY)
    with contextlib.closing(ArchiveReader.open(fd, "a", Keys([KEY]))) as reader:
        blocks = reader.blocks()
        assert next(blocks) == CONTENT[:CONTENT_BLOCK_BYTES]
        with pytest.raises(ArchiveRefused, match=r"^the archive a is corrupt: the bytes from \d+ to \d+ are not those"):
            next(blocks)
    os.close(fd)


def test_archives_that_differ_have_other_etags(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    etags = set()
    for name, data in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        written(tmp_path, name, data)
        with contextlib.closing(ArchiveReader.open(fd, name, Keys([KEY]))) as reader:
            etags.add(reader.etag)
            assert reader.info.saved == ("a", "b")
            assert reader.is_signed_with(KEY)
            assert not reader.is_signed_with(b"K" * 32)
            assert reader.read(0, 8) == (tmp_path / name).read_bytes()[:8]
            assert len(reader.table()) + reader.content_end < reader.info.size_bytes
    os.close(fd)
    assert len(etags) == 3


def test_a_directory_or_a_link_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("/etc/passwd")
    for name, why in (("a", "it is no file"), ("b", "it is a symbolic link")):
        with pytest.raises(ArchiveRefused, match=rf"^the archive {name} is corrupt: {why}$"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    "data",
    [b"", noise(100), noise(3 * CONTENT_BLOCK_BYTES), bytes(100_000), bytes(20 << 20) + b"end"],
    ids=["nothing", "as it is", "large, as it is", "compressed", "large, compressed"],
)
def test_a_worker_gets_the_content_from_a_file_that_it_cannot_change(tmp_path: Path, data: bytes) -> None:
    written(tmp_path, data=data)
    directory = os.open(tmp_path, os.O_RDONLY)
    with contextlib.closing(ArchiveReader.open(directory, "a", Keys([KEY]))) as reader:
        fd = reader.content_file(directory)
        offset, size = reader.content_place
        assert os.pread(fd, size, offset) == data
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.pwrite(fd, b"x", 0)
        os.close(fd)
    os.close(directory)
    assert [it.name for it in tmp_path.iterdir()] == ["a"]


def test_a_worker_gets_no_content_that_is_damaged(tmp_path: Path, whole: bytes) -> None:
    for data in (whole, written(tmp_path, "b", noise(100))):
        damaged = bytearray(data)
        damaged[HEAD_BYTES + 50] ^= 1
        (tmp_path / "a").write_bytes(damaged)
        directory = os.open(tmp_path, os.O_RDONLY)
        reader = ArchiveReader.open(directory, "a", Keys([KEY]))
        with contextlib.closing(reader), pytest.raises(ArchiveRefused, match="corrupt"):
            reader.content_file(directory)
        os.close(directory)
