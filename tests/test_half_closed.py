"""A client that has closed its sending half and is slow to take its answers."""

import asyncio
import contextlib
import itertools
import socket
from pathlib import Path
from typing import cast

from fake_worker import FakeLauncher
from leaving import Asker, get, holds

from interpreterd.app import make_app
from interpreterd.settings import Settings
from interpreterd.web.connections import Runner
from interpreterd.web.incoming import IncomingConnection


async def test_it_gets_all_of_them_when_the_daemon_has_written_the_last(tmp_path: Path) -> None:
    """The daemon looks now and then whether such a client has gone: what still lies in a buffer is not dropped then."""
    runner = Runner(make_app(settings=Settings(cwd=str(tmp_path)), launcher=FakeLauncher()), access_log=None)
    await runner.setup()
    assert runner.server is not None
    path = str(tmp_path / "socket")
    server = await asyncio.get_running_loop().create_unix_server(runner.server, path)
    with contextlib.closing(server):
        for count in itertools.count(1):  # of answers: until they are more than the kernel keeps
            before = set(runner.server.connections)
            asker = Asker(f"unix:{path}", get("/openapi.json") * count)
            with contextlib.closing(asker.socket):
                asker.socket.shutdown(socket.SHUT_WR)
                await asyncio.to_thread(asker.begun)
                (connection,) = set(runner.server.connections) - before or (None,)
                transport = connection and connection.transport
                if connection is None or transport is None:
                    continue
                await holds(transport.is_closing)
                if not transport.get_write_buffer_size():
                    continue
                cast("IncomingConnection", connection)._look_whether_gone()
                taken = await asyncio.to_thread(asker.rest)
                break
    await runner.cleanup()
    assert taken.count(b"HTTP/1.1 200 OK") == count
    heads, _, body = taken.rpartition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in heads.rpartition(b"HTTP/1.1")[2]
