"""The log of a daemon, with and without a reader."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson
import pytest
from forging import JUNK
from harness import COMMAND, STOP_LIMIT_S, Client
from logpipe import Pipe
from logpipe import pipe as pipe  # a fixture


@contextlib.contextmanager
def daemon(stderr: int | IO[bytes], cwd: Path, *flags: str) -> Iterator[str]:
    """Run a daemon that logs to ``stderr`` for the block; yield its URL. It must stop on SIGTERM."""
    command = [str(COMMAND), "serve", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=cwd) as process:
        assert process.stdout is not None
        try:
            yield orjson.loads(process.stdout.readline())["url"]
            process.terminate()
            assert process.wait(STOP_LIMIT_S) == 0
        finally:
            process.kill()


async def test_a_daemon_whose_log_has_no_reader_serves_and_ends(pipe: Pipe, tmp_path: Path) -> None:
    """The pipe of its log is full before the start and stays full."""
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
