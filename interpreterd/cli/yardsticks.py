"""The floors of ``bench``: the lowest cost of the same work on this machine.

    python -m interpreterd.cli.yardsticks SOCKET

serves WebSockets on a unix socket, each of which sends one message back and closes, with aiohttp and uvloop only. It
ends when its stdin does.
"""

import asyncio
import os
import subprocess
import sys
import time
from typing import Final

LINE_BYTES: Final = 100
LINES_CODE: Final = f"for _ in range({{}}): print('x' * {LINE_BYTES - 1})"


def start_python() -> float:
    """Return the seconds that the start and the end of a bare Python take."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


def print_lines(count: int) -> float:
    """Return the bytes a second that a Python prints into a pipe, line by line."""
    command = [sys.executable, "-I", "-S", "-c", LINES_CODE.format(count)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        size = len(os.read(pipe, 1 << 20))
        began = time.perf_counter()
        while data := os.read(pipe, 1 << 20):
            size += len(data)
    return size / (time.perf_counter() - began)


async def _echo(path: str) -> None:
    from aiohttp import WSMsgType, web

    async def answer(request: web.BaseRequest) -> web.WebSocketResponse:
        channel = web.WebSocketResponse(compress=False)
        await channel.prepare(request)
        async for message in channel:
            if message.type is WSMsgType.TEXT:
                await channel.send_str(message.data)
                break
        await channel.close()
        return channel

    server = web.Server(answer, access_log=None)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, ended.set)
    async with await loop.create_unix_server(server, path, backlog=1024):
        print(path, flush=True)
        await ended.wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_echo(sys.argv[1]))
