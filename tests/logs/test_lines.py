"""A log that nobody reads, or that cannot be written: the daemon goes on, and says what it has dropped."""

import contextlib
import fcntl
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson
import pytest
from forging import JUNK
from harness import COMMAND, STOP_LIMIT_S, Client

from interpreterd.logs import lines as lines_module
from interpreterd.logs.lines import Lines, LineStream


class Pipe:
    """A small pipe. Attributes: ``reader`` and ``writer``, its ends."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)

    def fill(self) -> None:
        """Leave no room in it."""
        os.set_blocking(self.writer, False)
        for size in (4096, 1):
            try:
                while True:
                    os.write(self.writer, b"-" * size)
            except BlockingIOError:
                pass
        os.set_blocking(self.writer, True)

    def read_until(self, text: bytes) -> bytes:
        """Read on until ``text`` has come."""
        data = b""
        while text not in data:
            data += os.read(self.reader, 1 << 16)
        return data

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    it = Pipe()
    yield it
    it.close()


def dropped(count: int) -> str:
    return f"{count} dropped"


def never() -> float | None:
    return None


@contextlib.contextmanager
def daemon(stderr: int | IO[bytes], cwd: Path, *flags: str) -> Iterator[str]:
    """Run a daemon that logs to ``stderr``, for the block, and yield its URL. It must end as it is told to."""
    command = [str(COMMAND), "serve", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=cwd) as process:
        assert process.stdout is not None
        try:
            yield orjson.loads(process.stdout.readline())["url"]
            process.terminate()
            assert process.wait(STOP_LIMIT_S) == 0
        finally:
            process.kill()


# The daemon


async def test_a_daemon_whose_log_nobody_reads_serves_and_ends(pipe: Pipe, tmp_path: Path) -> None:
    """Its pipe is full before it starts, and remains so."""
    pipe.fill()
    with daemon(pipe.writer, tmp_path, "--log-level", "debug") as url:
        async with Client(url) as client:
            context = await client.create()
            for _ in range(3):
                result = await client.run(JUNK, context)
                assert result.error is not None
                assert result.error["name"] == "WorkerDied"
            assert (await client.run("print(1)", context)).stdout == "1\n"
    assert os.get_blocking(pipe.writer), "others share it: it is left as it was"


async def test_a_daemon_that_is_read_late_tells_all_in_order(pipe: Pipe, tmp_path: Path) -> None:
    pipe.fill()
    with daemon(pipe.writer, tmp_path):
        assert b"listening on" in pipe.read_until(b"port")
    assert b"shutting down" in pipe.read_until(b"down\n")


@pytest.mark.parametrize("log", ["a full disk", "a pipe without a reader"])
async def test_a_log_that_cannot_be_written_ends_nothing(log: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with daemon(full if log == "a full disk" else writer, tmp_path) as url:
            async with Client(url) as client:
                await client.run(JUNK)
                assert (await client.run("print(1)")).stdout == "1\n"
    finally:
        os.close(writer)
        os.close(full)


async def test_what_a_context_provokes_is_said_a_few_times_and_counted(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as log:
        with daemon(log, tmp_path) as url:
            async with Client(url) as client:
                loud, other = await client.create(), await client.create()
                for _ in range(15):
                    await client.run(JUNK, loud)
                await client.run(JUNK, other)
        log.seek(0)
        said = log.read().decode()
    broke = "the worker broke the protocol: not JSON"
    assert said.count(f": context {loud}: {broke}") == 11
    assert f"5 more lines of this kind left out: context {loud}: {broke}" in said
    assert said.count(f"context {other}: {broke}") == 1


# The lines


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


def test_a_descriptor_that_somebody_has_made_nonblocking_loses_nothing(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.writer, False)
    lines = Lines(pipe.writer, tell=dropped, tick=never)
    lines.put("one")
    lines.put("x" * 10_000)
    assert pipe.read_until(b"x\n").lstrip(b"-") == b"one\n" + b"x" * 10_000 + b"\n"


def test_who_waits_for_the_end_of_the_writing_does_not_wait_for_ever(pipe: Pipe) -> None:
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
