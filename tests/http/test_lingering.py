"""The daemon reads a limited amount from a refused client before it closes."""

import asyncio

import pytest

from interpreterd.http.lingering import LINGER_BYTES, Lingering


@pytest.mark.parametrize(
    ("sizes", "ended"),
    [([], False), ([LINGER_BYTES], False), ([LINGER_BYTES, 1], True), ([1] * 3 + [LINGER_BYTES], True)],
)
async def test_reading_on_has_an_end(sizes: list[int], ended: bool) -> None:
    lingering = Lingering(asyncio.get_running_loop())
    for size in sizes:
        lingering.drop(size)
    assert lingering.ended.done() is ended


async def test_it_ends_once() -> None:
    lingering = Lingering(asyncio.get_running_loop())
    lingering.end()
    lingering.end()
    lingering.drop(LINGER_BYTES + 1)
    assert await lingering.ended is None
