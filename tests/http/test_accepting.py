"""Connections that begin with a header of the PROXY protocol, with TLS, or with both; and those that never begin."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from certificates import Authority
from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.http import accepting
from interpreterd.http.connections import Connections, Runner
from interpreterd.http.peers import client_address
from interpreterd.http.proxy_protocol import V2_SIGNATURE
from interpreterd.http.tls import server_context
from interpreterd.settings import Settings

V1 = b"PROXY TCP4 192.0.2.1 127.0.0.1 1000 80\r\n"
V2 = V2_SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 12) + bytes([192, 0, 2, 2, 127, 0, 0, 1, 3, 232, 0, 80])
LOCAL = V2_SIGNATURE + struct.pack("!BBH", 0x20, 0, 0)
REQUEST = b"GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def who(request: web.Request) -> web.Response:
    """Answer with the client's address."""
    return web.Response(text=client_address(request))


@contextlib.asynccontextmanager
async def accepting_at(family: int = socket.AF_INET, path: Path | None = None, **values: Any) -> AsyncIterator[Any]:
    """Run an acceptor; yield its address, and the acceptor."""
    settings = Settings.of(cwd="/", **values)
    app = make_app(settings=settings, launcher=FakeLauncher())
    app.router.add_get("/who", who)
    runner = Runner(app, access_log=None)
    await runner.setup()
    sock = socket.socket(family)
    sock.bind(("127.0.0.1", 0) if path is None else str(path))
    sock.listen()
    connections = runner.server
    assert isinstance(connections, Connections)
    context = server_context(settings.http) if settings.http.tls_cert else None
    address = sock.getsockname()
    acceptor = accepting.Acceptor(sock, connections, settings.http, lambda: context)
    try:
        yield address, acceptor
    finally:
        acceptor.close()
        await runner.cleanup()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes up to the end; a connection that is closed with unread bytes is reset."""
    with contextlib.suppress(ConnectionResetError):
        return await reader.read()
    return b""


async def answer(address: Any, *pieces: bytes, context: ssl.SSLContext | None = None) -> str:
    """Send ``pieces`` one after the other; return the whole answer: its status, and the body."""
    if isinstance(address, str):
        reader, writer = await asyncio.open_unix_connection(address)
    else:
        reader, writer = await asyncio.open_connection(*address)
    first, *others = pieces
    writer.write(first)
    for piece in others:
        if piece == b"TLS":
            await writer.start_tls(context, server_hostname="localhost")
            continue
        await asyncio.sleep(0)
        writer.write(piece)
    data = await rest(reader)
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    head, _, body = data.decode().partition("\r\n\r\n")
    return f"{head[9:12]} {body}"


@pytest.mark.parametrize(
    ("proxies", "begin", "told"),
    [
        (("127.0.0.1",), [V1], "200 192.0.2.1"),
        (("127.0.0.0/8",), [V2], "200 192.0.2.2"),
        (("127.0.0.1",), [V1[:3], V1[3:20], V1[20:]], "200 192.0.2.1"),
        (("127.0.0.1",), [V2[:5], V2[5:14], V2[14:]], "200 192.0.2.2"),
        (("127.0.0.1",), [LOCAL], "200 127.0.0.1"),
        (("127.0.0.1",), [b""], "200 127.0.0.1"),
        (("127.0.0.1",), [b"PROXY nonsense\r\n"], " "),
        (("10.0.0.0/8",), [V1], "400"),
        (("10.0.0.0/8",), [V2], "400"),
    ],
)
async def test_a_trusted_proxy_says_for_whom_it_connects(
    proxies: tuple[str, ...], begin: list[bytes], told: str
) -> None:
    """For others such a header is just a request that is not HTTP."""
    async with accepting_at(trusted_proxy=proxies) as (address, _):
        *before, last = begin
        assert (await answer(address, *before, last + REQUEST)).startswith(told)


async def test_a_unix_socket_is_trusted_by_its_word(tmp_path: Path) -> None:
    async with accepting_at(socket.AF_UNIX, tmp_path / "a", trusted_proxy=("unix",)) as (address, _):
        assert await answer(address, V1 + REQUEST) == "200 192.0.2.1"
        assert await answer(address, REQUEST) == "200 unix"
    async with accepting_at(socket.AF_UNIX, tmp_path / "b", trusted_proxy=("127.0.0.1",)) as (address, _):
        assert (await answer(address, V1 + REQUEST)).startswith("400")


async def test_the_header_comes_before_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("a")
    async with accepting_at(trusted_proxy=("127.0.0.1",), tls_cert=cert, tls_key=key) as (address, _):
        context = authority.client_context()
        assert await answer(address, V1, b"TLS", REQUEST, context=context) == "200 192.0.2.1"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await answer(address, V1, b"TLS", REQUEST, context=ssl.create_default_context())
        assert await answer(address, V1 + REQUEST) == " "


async def test_a_connection_that_does_not_begin_is_ended_in_time(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("a")
    async with accepting_at(tls_cert=cert, tls_key=key, head_timeout_s=0.1) as (address, _):
        assert await answer(address, b"\x16\x03\x01") == " "
    async with accepting_at(trusted_proxy=("127.0.0.1",), head_timeout_s=0.1) as (address, _):
        assert await answer(address, b"PROX") == " "


async def test_of_too_many_that_do_not_begin_the_oldest_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "BEGINNING_LIMIT", 2)
    async with accepting_at(trusted_proxy=("127.0.0.1",)) as (address, _), contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*address)
            stack.callback(writer.close)
            writer.write(b"PROXY ")
            opened.append((reader, writer))
        assert await rest(opened[0][0]) == b""
        opened[2][1].write(V1.removeprefix(b"PROXY ") + REQUEST)
        assert (await opened[2][0].read()).endswith(b"192.0.2.1")


async def test_without_descriptors_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "FULL_PAUSE_S", 0.01)
    async with accepting_at(trusted_proxy=("127.0.0.1",)) as (address, acceptor):
        real, failures = acceptor._sock, [OSError(24, "Too many open files")] * 2

        class Failing:
            def fileno(self) -> int:
                return int(real.fileno())

            def accept(self) -> Any:
                if failures:
                    raise failures.pop()
                return real.accept()

            def close(self) -> None:
                real.close()

        acceptor._sock = Failing()
        assert await answer(address, REQUEST) == "200 127.0.0.1"
        assert not failures
