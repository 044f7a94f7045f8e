"""The pipe of an archive: what a worker writes arrives, and nothing that it does holds a thread for ever."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from interpreterd.contexts.state.incoming import IncomingContent, TransferStalled
from interpreterd.model.state_errors import OutOfStep


@pytest.fixture
def incoming() -> Iterator[IncomingContent]:
    made = IncomingContent(pause_s=1000)
    yield made
    made.close()


def read(incoming: IncomingContent, size: int = 100) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: incoming.readinto(memoryview(buffer))])


def test_what_was_written_arrives_and_ends_where_the_worker_says(incoming: IncomingContent) -> None:
    os.write(incoming.write_fd, b"abc")
    os.write(incoming.write_fd, b"de")
    assert read(incoming, 4) == b"abcd"
    incoming.end_after(5)
    assert read(incoming) == b"e"
    assert read(incoming) == b""  # although an end to write to is still open


def test_the_end_of_the_pipe_is_not_the_end_of_the_archive(incoming: IncomingContent) -> None:
    os.write(incoming.write_fd, b"abc")
    incoming.given()
    assert read(incoming) == b"abc"
    threading.Timer(0, incoming.end_after, [3]).start()
    assert read(incoming) == b""


def test_what_comes_between_a_look_at_the_pipe_and_the_workers_last_word_is_read(
    incoming: IncomingContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = os.readv

    def late(fd: int, buffers: Any) -> int:
        try:
            return look(fd, buffers)
        except BlockingIOError:
            monkeypatch.undo()
            os.write(incoming.write_fd, b"abc")
            incoming.end_after(3)
            raise

    monkeypatch.setattr(os, "readv", late)
    assert read(incoming) == b"abc"
    assert read(incoming) == b""


@pytest.mark.parametrize("total", [2, 4])
def test_a_worker_that_says_another_size_lies(incoming: IncomingContent, total: int) -> None:
    os.write(incoming.write_fd, b"abc")
    incoming.end_after(total)
    if total > 3:
        assert read(incoming) == b"abc"
    with pytest.raises(OutOfStep, match=r"^the context's worker has not written as much to its archive as it says$"):
        read(incoming)


def test_a_reader_that_waits_can_be_told_to_stop(incoming: IncomingContent) -> None:
    threading.Timer(0, incoming.abort, [ZeroDivisionError("first")]).start()
    with pytest.raises(ZeroDivisionError, match="first"):
        read(incoming)
    incoming.abort(ZeroDivisionError("second"))
    with pytest.raises(ZeroDivisionError, match="first"):
        read(incoming)


def test_a_worker_that_writes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpreterd.contexts.state.incoming._STEP_S", 0.001)
    incoming = IncomingContent(pause_s=0.003)
    with pytest.raises(TransferStalled, match=r"^the context's worker wrote nothing to its archive for 0.003 s$"):
        read(incoming)
    incoming.given()
    with pytest.raises(TransferStalled, match=r"^the context's worker did not end its archive within 0.003 s$"):
        read(incoming)
    incoming.close()


def test_it_is_known_whether_more_waits(incoming: IncomingContent) -> None:
    assert not incoming.is_waiting
    os.write(incoming.write_fd, b"x" * 600_000)
    assert incoming.is_waiting


def test_a_closed_one_takes_late_calls(incoming: IncomingContent) -> None:
    incoming.close()
    incoming.close()
    incoming.end_after(1)
    incoming.abort(ZeroDivisionError())
