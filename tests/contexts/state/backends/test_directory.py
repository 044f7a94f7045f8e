"""A directory as a store of archives and records."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_archives import about, keep, kept, noise, store_at

from interpreterd.contexts.state.backends import BACKENDS
from interpreterd.contexts.state.backends.directory import STATE_RECORD_LIMIT_BYTES, DirectoryStore
from interpreterd.contexts.state.backends.durable import TEMPORARY
from interpreterd.contexts.state.backends.room import LEAST_FILE_BYTES
from interpreterd.model.errors import LimitReached
from interpreterd.model.state_errors import ArchiveNotFound, ArchiveRefused
from interpreterd.setting_kinds import SettingError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(path: Path) -> Iterator[DirectoryStore]:
    with store_at(path) as made:
        yield made


def ids(store: DirectoryStore) -> list[str]:
    return [it.id for it in store.list("archives")]


def test_it_is_a_backend(path: Path) -> None:
    with contextlib.closing(BACKENDS["directory"](str(path))) as store:
        assert isinstance(store, DirectoryStore)


def test_archives_are_kept_listed_and_deleted(store: DirectoryStore) -> None:
    keep(store, "b", b"1", created_at=2.0)
    keep(store, "a", b"2", created_at=3.0)
    keep(store, "c", b"3", created_at=1.0, name="first")
    assert ids(store) == ["c", "b", "a"]
    first = store.list("archives")[0]
    assert (first.name, first.saved) == ("first", ("a", "b"))
    with contextlib.closing(store.open("archives", "c")) as reader:
        assert reader.info == first
    assert kept(store, "b") == b"1"
    assert store.delete("archives", "b")
    assert not store.delete("archives", "b")
    assert ids(store) == ["c", "a"]
    with pytest.raises(ArchiveNotFound):
        store.open("archives", "b")


def test_an_archive_of_many_names_is_listed_with_all_of_them(store: DirectoryStore) -> None:
    names = tuple(f"name{number}" for number in range(1000))
    keep(store, "a", saved=names)
    for _ in range(2):
        assert [it.saved for it in store.list("archives")] == [names]


def test_what_is_kept_is_there_for_the_next_daemon(path: Path) -> None:
    with store_at(path) as store:
        keep(store, "a", b"1")
        used_bytes = store.used_bytes
    with store_at(path) as store:
        assert store.used_bytes == used_bytes == LEAST_FILE_BYTES
        assert ids(store) == ["a"]
        assert kept(store, "a") == b"1"


def test_archives_of_resting_contexts_are_apart(store: DirectoryStore) -> None:
    keep(store, "a")
    with contextlib.closing(store.begin("rests")) as writer:
        store.put(writer, about("a"))
    assert store.delete("archives", "a")
    assert [it.id for it in store.list("rests")] == ["a"]


def test_an_archive_is_replaced_at_once(store: DirectoryStore) -> None:
    keep(store, "a", noise(100_000))
    with contextlib.closing(store.open("archives", "a")) as reader:
        keep(store, "a", b"2")
        assert b"".join(reader.blocks()) == noise(100_000)  # who reads the old one goes on
    assert kept(store, "a") == b"2"
    assert store.used_bytes == LEAST_FILE_BYTES


def test_a_second_daemon_is_refused(path: Path, store: DirectoryStore) -> None:
    with pytest.raises(SettingError, match=rf"another daemon has it \(pid {os.getpid()}, since "):
        DirectoryStore(str(path))
    with contextlib.closing(DirectoryStore(str(path), takes_over=True)) as successor:
        keep(store, "a")
        assert ids(successor) == ["a"]


def test_files_that_others_put_there_and_take_away_are_noticed(
    store: DirectoryStore, path: Path, tmp_path: Path
) -> None:
    keep(store, "a", noise(50_000))
    assert ids(store) == ["a"]
    shutil.move(path / "archives" / "a", tmp_path / "a")
    assert ids(store) == []
    assert store.used_bytes == 0
    shutil.copy(tmp_path / "a", path / "archives" / "a")
    assert ids(store) == ["a"]
    assert store.used_bytes > 50_000


def test_what_is_not_whole_is_not_listed(store: DirectoryStore, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(store, "a", noise(100))
    data = (path / "archives" / "a").read_bytes()
    (path / "archives" / "half").write_bytes(data[:-1])
    (path / "archives" / "empty").write_bytes(b"")
    (path / "archives" / "other-name").write_bytes(data)
    (path / "archives" / "folder").mkdir()
    (path / "archives" / "link").symlink_to("a")
    (path / "archives" / "no name").write_bytes(data)
    (path / "archives" / f"{TEMPORARY}1").write_bytes(data)
    assert ids(store) == ["a"]
    assert "the archive half is corrupt: its end is missing: archives/half is not listed" in caplog.text
    with pytest.raises(ArchiveRefused, match=r"^the archive other-name is corrupt: it is the archive a$"):
        store.open("archives", "other-name")
    caplog.clear()
    assert ids(store) == ["a"]
    assert caplog.text == ""  # said once


@pytest.mark.parametrize("name", ["", ".", "..", "../key", "a/b", ".hidden", "a\0b", "x" * 129, "ü"])
def test_a_name_that_leads_elsewhere_is_no_archive(store: DirectoryStore, name: str) -> None:
    with pytest.raises(ArchiveNotFound):
        store.open("archives", name)
    assert not store.delete("archives", name)
    with contextlib.closing(store.begin("archives")) as writer, pytest.raises(ValueError, match="no name of a file"):
        store.put(writer, about(name))
    with pytest.raises(ValueError, match="no name of a file"):
        store.write_record(name, {})


def test_an_archive_goes_to_another_daemon_with_the_key(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with store_at(path) as store, store_at(other) as foreign:
        keep(store, "a", b"1")
        shutil.copy(path / "archives" / "a", other / "archives" / "a")
        with pytest.raises(ArchiveRefused, match=r"^the archive a is foreign: "):
            foreign.open("archives", "a")
        assert ids(foreign) == []
        keep(foreign, "own", b"2")
    keys = (other / "key").read_text() + (path / "key").read_text()
    (other / "key").write_text(keys)
    with store_at(other) as friend:
        assert kept(friend, "a") == b"1"
        assert kept(friend, "own") == b"2"


def test_all_archives_together_have_a_limit(path: Path) -> None:
    with store_at(path, total_limit_bytes=300_000) as store:
        keep(store, "a", noise(200_000))
        with pytest.raises(LimitReached, match=r"--archives-total-bytes"):
            keep(store, "b", noise(150_000))
        assert ids(store) == ["a"]
        assert sorted(os.listdir(path / "archives")) == ["a"]
        store.delete("archives", "a")
        keep(store, "b", noise(150_000))
        with pytest.raises(LimitReached):
            keep(store, "c", noise(150_000))
    with store_at(path, total_limit_bytes=300_000) as store, pytest.raises(LimitReached):
        keep(store, "c", noise(150_000))


def test_records_are_kept_replaced_and_deleted(path: Path) -> None:
    with store_at(path) as store:
        store.write_record("a", {"x": [1, "ü"]})
        store.write_record("b.json", 1)
        store.write_record("b.json", 2)
    with store_at(path) as store:
        assert store.records() == {"a": {"x": [1, "ü"]}, "b.json": 2}
        assert store.delete_record("a")
        assert not store.delete_record("a")
        assert store.records() == {"b.json": 2}
        with pytest.raises(ValueError, match="a record of"):
            store.write_record("a", "x" * STATE_RECORD_LIMIT_BYTES)


def test_a_record_that_is_damaged_or_has_another_name_is_left_out(store: DirectoryStore, path: Path) -> None:
    store.write_record("a", {"x": 1})
    data = (path / "records" / "a").read_bytes()
    for name, changed in (
        ("b", data),
        ("c", data[:-1] + b"0"),
        ("d", data[: len(data) // 2]),
        ("e", b""),
        ("f", data.replace(b"1", b"2", 1)),
    ):
        (path / "records" / name).write_bytes(changed)
    (path / "records" / "g").mkdir()
    assert store.records() == {"a": {"x": 1}}


def test_what_a_dead_daemon_has_begun_is_removed_at_start(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with store_at(path):
        pass
    for folder in ("archives", "rests", "records", "."):
        (path / folder / f"{TEMPORARY}1").write_bytes(b"half")
    with caplog.at_level("INFO"), store_at(path):
        assert not list(path.rglob(f"{TEMPORARY}*"))
    assert "4 files that an earlier daemon had begun to write have been removed" in caplog.text


def test_a_store_that_cannot_be_opened_leaves_no_lock(path: Path) -> None:
    with store_at(path):
        pass
    (path / "key").write_text("none")
    with pytest.raises(SettingError):
        DirectoryStore(str(path))
    (path / "key").unlink()
    with store_at(path) as store:
        keep(store, "a")
    (path / "key").unlink()
    with pytest.raises(SettingError, match=r"its key is missing, and it has archives that need it"):
        DirectoryStore(str(path))
