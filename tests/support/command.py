"""Runs the command ``interpreterd`` in the test's process (milliseconds) or as a new process."""

import asyncio
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from attrs import frozen
from harness import COMMAND

from interpreterd.__main__ import main


@frozen
class Ran:
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def environment(**more: str) -> dict[str, str]:
    """Return the environment without variables that change a Python, a daemon or a terminal's width."""
    ours = ("PYTHON", "INTERPRETERD_", "COLUMNS", "LINES")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def interpreterd(*arguments: str, url: str | None = None, stdin: bytes = b"", **variables: str) -> Ran:
    """Run a command in this process, without a terminal. ``url`` is the value of its variable."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    more = variables | ({"INTERPRETERD_URL": url} if url else {})
    with (
        mock.patch.multiple("sys", stdin=io.TextIOWrapper(io.BytesIO(stdin), "utf-8"), stdout=out, stderr=err),
        mock.patch.dict("os.environ", environment(**more), clear=True),
        _sigterm_as_it_was(),
    ):
        try:
            status = main(list(arguments))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    told = [stream.buffer.getvalue().decode() for stream in (out, err) if isinstance(stream.buffer, io.BytesIO)]
    return Ran(status, *told)


@contextmanager
def _sigterm_as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def ran(*arguments: str, status: int = 0, **more: str) -> tuple[str, str]:
    """Run a command as a process, which must end with ``status``; return stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**more),
    )
    out, err = await process.communicate()
    assert process.returncode == status, err.decode()
    return out.decode(), err.decode()
