"""An archive that a client sends counts only when all of it has been checked."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_archives import keep, kept, noise, store_at

from interpreterd.contexts.state.backends.directory import DirectoryStore
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.errors import InvalidRequest, LimitReached
from interpreterd.model.state_errors import ArchiveRefused

CONTENT = noise(2_000_000) + bytes(2_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectoryStore]:
    with store_at(tmp_path / "state") as made:
        yield made


@pytest.fixture
def sent(store: DirectoryStore, tmp_path: Path) -> bytes:
    """Return the file of an archive that is no longer there."""
    keep(store, "a", CONTENT, tenant="acme", name="n")
    data = (tmp_path / "state" / "archives" / "a").read_bytes()
    store.delete("archives", "a")
    return data


def take(store: DirectoryStore, data: bytes, archive_id: str = "a", tenant: str = "acme") -> ArchiveInfo:
    with contextlib.closing(store.receive("archives")) as upload:
        for start in range(0, len(data), 300_000):
            upload.write(data[start : start + 300_000])
        with contextlib.closing(upload.check(archive_id)) as reader:
            return upload.commit(reader, tenant)


def test_what_was_sent_is_an_archive_again(store: DirectoryStore, sent: bytes, tmp_path: Path) -> None:
    info = take(store, sent)
    assert (tmp_path / "state" / "archives" / "a").read_bytes() == sent
    assert (info.name, info.size_bytes) == ("n", len(sent))
    assert store.used_bytes == len(sent)
    assert kept(store, "a") == CONTENT


def test_it_belongs_to_the_tenant_that_sends_it(store: DirectoryStore, sent: bytes) -> None:
    take(store, sent, tenant="other")
    assert [it.tenant for it in store.list("archives")] == ["other"]
    assert kept(store, "a") == CONTENT


def test_it_is_signed_with_the_own_key_from_now_on(store: DirectoryStore, sent: bytes, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with store_at(other):
        own = (other / "key").read_text()
    (other / "key").write_text(own + (tmp_path / "state" / "key").read_text())
    with store_at(other) as friend:
        take(friend, sent)
    (other / "key").write_text(own)
    with store_at(other) as friend:
        assert kept(friend, "a") == CONTENT


@pytest.mark.parametrize("place", [3, 1_000, 1_500_000, -1_000, -20])
def test_a_wrong_byte_is_found_and_nothing_stays(
    store: DirectoryStore, sent: bytes, tmp_path: Path, place: int
) -> None:
    data = bytearray(sent)
    data[place] ^= 1
    with pytest.raises(ArchiveRefused, match=r"^the archive that was sent is (corrupt|foreign): "):
        take(store, bytes(data))
    assert os.listdir(tmp_path / "state" / "archives") == []
    assert store.used_bytes == 0


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x93ipdarc\n" + bytes(500)])
def test_anything_else_is_refused(store: DirectoryStore, data: bytes) -> None:
    with pytest.raises(ArchiveRefused, match=r"^the archive that was sent is corrupt: "):
        take(store, data)


def test_a_part_of_it_is_refused(store: DirectoryStore, sent: bytes) -> None:
    for size in (10, 1_000_000, len(sent) - 1):
        with pytest.raises(ArchiveRefused, match="corrupt"):
            take(store, sent[:size])


def test_another_archive_than_announced_is_refused(store: DirectoryStore, sent: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"^the content must be that of the archive b, not of a$"):
        take(store, sent, "b")


def test_an_archive_that_is_there_is_not_replaced(store: DirectoryStore, sent: bytes, tmp_path: Path) -> None:
    keep(store, "a", b"other")
    with pytest.raises(FileExistsError):
        take(store, sent)
    assert kept(store, "a") == b"other"
    assert os.listdir(tmp_path / "state" / "archives") == ["a"]


def test_an_archive_without_its_key_is_refused(sent: bytes, tmp_path: Path) -> None:
    with store_at(tmp_path / "foreign") as foreign, pytest.raises(ArchiveRefused, match="foreign"):
        take(foreign, sent)


def test_more_than_there_is_room_for_is_refused_while_it_comes(sent: bytes, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "state", tmp_path / "small")
    (tmp_path / "small").chmod(0o700)
    with store_at(tmp_path / "small", total_limit_bytes=1_000_000) as small, pytest.raises(LimitReached):
        take(small, sent)
    assert os.listdir(tmp_path / "small" / "archives") == []
