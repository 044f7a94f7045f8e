"""The output of a worker's three pipes reaches its listener in order."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from interpreterd.model.events import Stream
from interpreterd.pipe.bundles import LEAST_RECORD_BYTES, Bundle
from interpreterd.workers.outputs import Outputs
from interpreterd.workers.pipes import Ends, both_ends
from interpreterd.workers.worker import Deaf

SHOWN = Bundle(kind="display", data={"text/plain": "shown"})
RECORD = b'H00001f8{"kind":"display","sizes":{"text/plain":5}}'.ljust(LEAST_RECORD_BYTES - 6) + b"\nshown"


class Seen(Deaf):
    """Keeps what it is told.

    Attributes:
        told: Text and bundles.
        news: Set with each.
    """

    def __init__(self) -> None:
        self.told: list[str | Bundle] = []
        self.news = asyncio.Event()

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        self.told.append(text)
        self.news.set()

    def on_display(self, bundle: Bundle) -> None:
        self.told.append(bundle)
        self.news.set()


@pytest.fixture
def ends() -> Iterator[tuple[Ends, Ends]]:
    """Yield the ends of the daemon, whose pipes ``Outputs`` closes, and those of a worker."""
    with both_ends() as (ours, theirs):
        yield ours, theirs
        ours.channel.close()


async def test_output_data_is_read_before_text_that_was_written_after_it(ends: tuple[Ends, Ends]) -> None:
    """A child's text has no mark, so the display pipe is read first, whichever is readable."""
    ours, theirs = ends
    outputs = Outputs(ours, lambda: seen, lambda reason: None)
    seen = Seen()
    os.write(theirs.display_fd, RECORD[:512])
    os.write(theirs.stdout_fd, b"of a child")
    outputs.resume()
    while len(seen.told) < 2:
        seen.news.clear()
        await seen.news.wait()
    assert seen.told == [SHOWN, "of a child"]
    outputs.close()


async def test_draining_takes_output_data_too(ends: tuple[Ends, Ends]) -> None:
    ours, theirs = ends
    seen = Seen()
    outputs = Outputs(ours, lambda: seen, lambda reason: None)
    os.write(theirs.display_fd, 3 * RECORD[:512])
    assert outputs.drain()
    assert seen.told == [SHOWN] * 3
    outputs.close()


async def test_garbage_is_told_once_and_text_still_arrives(ends: tuple[Ends, Ends]) -> None:
    ours, theirs = ends
    seen, reasons = Seen(), list[str]()
    outputs = Outputs(ours, lambda: seen, reasons.append)
    os.write(theirs.display_fd, RECORD[:512] + b"garbage" * 100)
    os.write(theirs.stdout_fd, b"text")
    outputs.drain()
    os.write(theirs.display_fd, RECORD[:512])
    outputs.drain()
    assert (reasons, seen.told) == (["not a record of output data"], [SHOWN, "text"])
    outputs.close()
