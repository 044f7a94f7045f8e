"""SIGHUP reads files again, part by part, whatever becomes of the others."""

import pytest
from leaving import holds

from interpreterd.reloading import Reloading


async def test_every_part_reads_its_files_and_a_mistake_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    reads: list[str] = []

    async def fail() -> None:
        reads.append("bad")
        raise ZeroDivisionError

    async def read() -> None:
        reads.append("good")

    reloading = Reloading([fail, read])
    for _ in range(2):
        reloading.begin(lambda: reads.append("done"))
    await holds(lambda: reads.count("done") == 2)
    assert reads == ["bad", "good", "done"] * 2
    assert caplog.text.count("the files could not be read") == 2
