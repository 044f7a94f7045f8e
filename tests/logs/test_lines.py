"""The log's reader may stop, or writing may fail: the daemon goes on and counts the dropped lines."""

import os
import select
import threading

import pytest
from logpipe import Pipe
from logpipe import pipe as pipe  # a fixture

from interpreterd.logs import lines as lines_module
from interpreterd.logs.lines import Lines, LineStream


def dropped(count: int) -> str:
    return f"{count} dropped"


def never() -> float | None:
    return None


def test_what_does_not_fit_is_dropped_and_told_in_its_place(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LIMIT_BYTES", 22)
    pipe.fill()
    lines = Lines(pipe.writer, tell=dropped, tick=never)
    for text in ("first 1234", "second 123", "third", "fourth"):
        lines.put(text)
    assert pipe.read_until(b"dropped\n").lstrip(b"-") == b"first 1234\nsecond 123\n2 dropped\n"
    lines.put("there is room again")
    lines.flush()
    assert pipe.read_until(b"\n") == b"there is room again\n"


def test_a_full_disk_is_told_when_there_is_room_again(pipe: Pipe) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        lines = Lines(fd, tell=dropped, tick=never)
        lines.put("one")
        lines.put("two")
        lines.flush()
        os.dup2(pipe.writer, fd)
        lines.put("three")
        assert pipe.read_until(b"three\n") == b"2 dropped\nthree\n"
    finally:
        os.close(fd)


def test_a_nonblocking_descriptor_loses_nothing(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.writer, False)
    lines = Lines(pipe.writer, tell=dropped, tick=never)
    lines.put("one")
    lines.put("x" * 10_000)
    assert pipe.read_until(b"x\n").lstrip(b"-") == b"one\n" + b"x" * 10_000 + b"\n"


def test_the_wait_for_the_last_line_has_a_limit(pipe: Pipe) -> None:
    pipe.fill()
    lines = Lines(pipe.writer, tell=dropped, tick=never)
    lines.put("one")
    lines.flush(0)
    assert not select.select([], [pipe.writer], [], 0)[1]
    pipe.read_until(b"one\n")


def test_the_end_of_the_writing_is_that_of_what_says_how_much_was_dropped(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "LIMIT_BYTES", 4)
    asked, go_on = threading.Event(), threading.Event()

    def tell(count: int) -> str:
        asked.set()
        go_on.wait()
        return dropped(count)

    pipe.fill()
    lines = Lines(pipe.writer, tell=tell, tick=never)
    for text in ("one", "two"):
        lines.put(text)
    waiting = threading.Thread(target=lines.flush, args=[threading.TIMEOUT_MAX], daemon=True)
    waiting.start()
    pipe.read_until(b"one\n")
    asked.wait()
    assert waiting.is_alive()
    go_on.set()
    waiting.join()
    assert pipe.read_until(b"\n") == b"1 dropped\n"


def test_what_is_printed_goes_the_same_way(pipe: Pipe) -> None:
    lines = Lines(pipe.writer, tell=dropped, tick=never)
    stream = LineStream(lines, pipe.writer)
    print("one", 2, file=stream)
    print("thr", end="", file=stream)
    lines.put("a line of the log")
    print("ee \udcff", file=stream)
    assert pipe.read_until(b"three") == b"one 2\na line of the log\nthree \\udcff\n"
