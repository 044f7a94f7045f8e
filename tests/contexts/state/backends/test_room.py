"""The room of all archives."""

import pytest

from interpreterd.contexts.state.backends.room import LEAST_FILE_BYTES, Room
from interpreterd.model.errors import LimitReached

BLOCK = LEAST_FILE_BYTES


def test_more_than_the_limit_is_refused_without_a_change() -> None:
    room = Room(3 * BLOCK)
    room.count("a", 2 * BLOCK)
    with pytest.raises(LimitReached, match=r"^archives may take up 12288 bytes together \(--archives-total-bytes\)"):
        room.count("b", 2 * BLOCK)
    assert room.used_bytes == 2 * BLOCK
    room.count("b", BLOCK)


def test_what_is_there_already_counts_whatever_the_limit() -> None:
    room = Room(BLOCK)
    room.count("a", 5 * BLOCK, checked=False)
    with pytest.raises(LimitReached):
        room.count("b", 1)


def test_a_file_takes_up_at_least_a_block() -> None:
    room = Room(None)
    room.count("a", 1)
    assert room.used_bytes == BLOCK


def test_a_writer_leaves_its_room_to_its_file_and_the_file_before_has_none() -> None:
    room = Room(None)
    room.count("file", 5 * BLOCK)
    room.count("writer", 2 * BLOCK)
    room.move("writer", "file")
    assert room.used_bytes == 2 * BLOCK
    room.forget("writer")
    room.forget("file")
    assert room.used_bytes == 0


def test_the_same_owner_is_counted_once() -> None:
    room = Room(4 * BLOCK)
    for size in (1, 2, 4):
        room.count("a", size * BLOCK)
    assert room.used_bytes == 4 * BLOCK
