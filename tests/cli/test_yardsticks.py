"""The yardsticks of the bench: a bare Python, a pipe and an echo."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp

from interpreterd.cli.yardsticks import LINE_BYTES, print_lines, start_python


def test_a_python_takes_some_time() -> None:
    assert start_python() > 0


def test_lines_come_through_a_pipe() -> None:
    assert print_lines(10_000) > LINE_BYTES


async def test_a_message_comes_back_once_and_the_server_ends_with_its_stdin(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    command = [sys.executable, "-m", "interpreterd.cli.yardsticks", path]
    server = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        assert (await server.stdout.readline()).decode() == f"{path}\n"
        connector = aiohttp.UnixConnector(path)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect("http://localhost/any") as channel,
        ):
            await channel.send_str("a")
            assert [message.data async for message in channel] == ["a"]
    finally:
        server.stdin.close()
    assert await server.wait() == 0
