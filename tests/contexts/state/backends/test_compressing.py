"""Blocks are compressed if that makes them smaller."""

import pytest
import zstandard
from kept_archives import noise

from interpreterd.contexts.state.backends.compressing import compressed, decompressed

NUMBERS = b"".join(it.to_bytes(8, "little") for it in range(4000)) * 4


@pytest.mark.parametrize("data", [b"x" * 100_000, NUMBERS, b"text of some length, " * 5])
def test_what_is_compressed_comes_back(data: bytes) -> None:
    small = compressed(memoryview(data), in_a_hurry=False)
    assert small is not None
    assert len(small) < len(data)
    assert decompressed(small, len(data)) == data


@pytest.mark.parametrize("data", [noise(100_000), noise(100), b"x"])
def test_what_does_not_shrink_stays_as_it_is(data: bytes) -> None:
    assert compressed(memoryview(data), in_a_hurry=False) is None


def test_in_a_hurry_only_what_shrinks_a_lot_is_compressed() -> None:
    data = memoryview(NUMBERS)
    assert compressed(memoryview(bytes(len(data))), in_a_hurry=True) is not None
    assert compressed(data, in_a_hurry=True) is None


@pytest.mark.parametrize("data", [b"", b"no frame", zstandard.compress(b"x" * 8)[:-1], zstandard.compress(b"x" * 9)])
def test_anything_else_than_the_block_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decompressed(data, 8)


def test_a_frame_gets_no_more_memory_than_its_block_has() -> None:
    bomb = zstandard.compress(bytes(1 << 30))
    with pytest.raises(ValueError, match=r"^it has another size$"):
        decompressed(bomb, 1 << 20)
