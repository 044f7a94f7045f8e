"""Files take up room from their first byte on, and as long as they are there."""

import contextlib
from pathlib import Path

import pytest
from kept_archives import Content, about, keep, noise, store_at

from interpreterd.contexts.state.backends.room import LEAST_FILE_BYTES
from interpreterd.model.errors import LimitReached


def test_a_writer_takes_up_room_until_it_is_closed(tmp_path: Path) -> None:
    with store_at(tmp_path / "state", total_limit_bytes=2 * LEAST_FILE_BYTES) as store:
        first, second = store.begin("archives"), store.receive("archives")
        assert store.used_bytes == 2 * LEAST_FILE_BYTES
        with pytest.raises(LimitReached):
            store.begin("rests")
        with pytest.raises(LimitReached):
            store.receive("rests")
        first.close()
        second.close()
        assert store.used_bytes == 0


def test_what_was_committed_takes_up_what_it_has(tmp_path: Path) -> None:
    with store_at(tmp_path / "state") as store:
        with contextlib.closing(store.begin("archives")) as writer:
            writer.copy_from(Content(noise(50_000)))
            info = store.put(writer, about("a"))
        assert store.used_bytes == info.size_bytes


def test_a_tenant_is_asked_before_a_file_grows(tmp_path: Path) -> None:
    asked: list[int] = []
    with store_at(tmp_path / "state") as store, contextlib.closing(store.begin("archives", asked.append)) as writer:
        writer.copy_from(Content(noise(50_000)))
        info = store.put(writer, about("a"))
    assert asked[0] == 0
    assert sorted(asked) == asked
    assert asked[-1] == info.size_bytes


def test_what_is_replaced_is_counted_once(tmp_path: Path) -> None:
    with store_at(tmp_path / "state") as store:
        for size in (50_000, 90_000, 20_000):
            info = keep(store, "a", noise(size))
            assert store.used_bytes == info.size_bytes
