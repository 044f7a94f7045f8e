"""Requests that are refused before they reach a route: each client gets an answer, however it writes and reads."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from frames import BINARY, CLOSE, TEXT, frame
from harness import AppServer, Client
from refusing import where as where  # a fixture
from wires import UPGRADE, head, posted, wire

from interpreterd.dialects.native.errors import error_answer
from interpreterd.http.closing import NORMAL
from interpreterd.http.errors import SHOW
from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket.handshake import UPGRADED, open_socket
from interpreterd.http.websocket.inbox import TAKEN_AT_ONCE

MIB = 1 << 20
LIMIT_BYTES = 16 * MIB
KEY = UPGRADE.split()[-1]
ASKING = head("GET", "/execute", UPGRADE[:-2])


# Data that is not HTTP

NOT_HTTP = {
    "nothing like it": b"hello\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "a method that is none": head("GET", "/contexts").replace(b"GET", b"G E T"),
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "a line without a colon": head("GET", "/contexts", b"nonsense"),
    "a version that is none": head("GET", "/contexts").replace(b"HTTP/1.1", b"HTTP/9.9.9"),
    "a long path": head("GET", "/" + "x" * 100_000),
    "a long header": head("GET", "/contexts", b"X: " + b"x" * 100_000),
    "a very long header": head("GET", "/contexts", b"X: " + b"x" * 8 * MIB),
    "many headers": head("GET", "/contexts", *(b"X%d: x" % number for number in range(1000))),
    "two lengths": posted(b"{}", b"Content-Length: 3"),
    "a length that is none": head("POST", "/context", b"Content-Length: some"),
    "an unknown transfer coding": head("POST", "/context", b"Transfer-Encoding: gzip"),
    "a length and chunks": posted(b"0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "a control character": head("GET", "/contexts", b"X: a\0b"),
}


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP)
@pytest.mark.parametrize("half", [False, True], ids=["open", "half closed"])
async def test_what_is_no_http_is_answered_with_json(where: str, data: bytes, half: bool) -> None:
    async with wire(where) as client:
        await client.send_all(data)
        if half:
            client.writer.write_eof()
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.json["code"]) == (400, "malformed_request")
        assert answer.json["error"].startswith("The request is not valid HTTP: ")
        assert "\n" not in answer.json["error"]
        assert len(answer.body) < 3000
        assert await client.is_closed()


async def test_chunks_that_are_none_are_answered_with_json(where: str) -> None:
    for bad in (b"xyz\r\n", b"-1\r\n{}\r\n", b"3\r\n{}xx\r\n"):
        async with wire(where, head("POST", "/context", b"Transfer-Encoding: chunked") + bad) as client:
            answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.json["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"GZIP", b"identity, gzip", b"nonsense"])
async def test_a_compressed_body_is_refused_and_not_inflated(where: str, coding: bytes) -> None:
    async with wire(where, posted(b"\x1f\x8b broken", b"Content-Encoding: " + coding)) as client:
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
        error = "Content-Encoding must be identity: compressed bodies are not taken"
        assert answer.json == {"error": error, "code": "unsupported_encoding"}
        client.writer.write(posted(b'{"code":"print(1)"}', b"Content-Encoding: identity"))
        answer = await client.answer()
        assert answer is not None
        assert answer.json["stdout"] == "1\n"


# Too large requests, from clients that write everything before they read

TOO_LARGE = f"The request is larger than the limit of {LIMIT_BYTES} bytes"


@pytest.mark.parametrize("size", [LIMIT_BYTES + 1, 64 * MIB])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_an_upload_over_the_limit_is_answered_with_413(where: str, size: int, is_chunked: bool) -> None:
    async with wire(where) as client:
        if is_chunked:
            chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
            await client.send_all(head("POST", "/execute", b"Transfer-Encoding: chunked"))
            for _ in range(size // MIB + 1):
                await client.send_all(chunk)
            await client.send_all(b"0\r\n\r\n")
        else:
            await client.send_all(posted(b" " * size))
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.json) == (413, {"error": TOO_LARGE, "code": "body_too_large"})
        client.writer.write(head("GET", "/contexts"))
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 200


async def test_a_client_that_asks_first_need_not_send_what_is_too_large(where: str) -> None:
    async with wire(where, posted(b"", b"Expect: 100-continue", size=LIMIT_BYTES + 1)) as client:
        answer = await client.answer()
    assert answer is not None
    assert answer.status == 413


@pytest.mark.parametrize("path", ["/context", "/context/default"])
async def test_what_is_not_code_has_a_smaller_limit(where: str, path: str) -> None:
    body = json.dumps({"metadata": {"a": "x" * (256 << 10)}}).encode()
    method = "POST" if path == "/context" else "PATCH"
    async with wire(where) as client:
        await client.send_all(posted(body, path=path).replace(b"POST", method.encode(), 1))
        answer = await client.answer()
    assert answer is not None
    assert answer.json == {"error": "The request is larger than the limit of 262144 bytes", "code": "body_too_large"}


@pytest.mark.parametrize("path", ["/execute", "/session"])
@pytest.mark.parametrize("size", [LIMIT_BYTES + 1, 48 * MIB])
async def test_a_message_over_the_limit_is_closed_with_1009(where: str, path: str, size: int) -> None:
    async with wire(where) as client:
        await client.send_all(head("GET", path, UPGRADE[:-2]))
        await client.send_all(frame(BINARY, claims=size) + b" " * size)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        rest = await client.reader.read()
    assert rest[0] & 0xF == CLOSE
    assert (int.from_bytes(rest[2:4], "big"), rest[4:].decode()) == (1009, "t" + TOO_LARGE[1:])


async def test_a_message_in_many_frames_over_the_limit_is_closed_with_1009(where: str) -> None:
    async with wire(where) as client:
        await client.send_all(head("GET", "/session", UPGRADE[:-2]))
        await client.send_all(frame(BINARY, claims=MIB, fin=False) + b" " * MIB)
        for _ in range(32):
            await client.send_all(frame(0, claims=MIB, fin=False) + b" " * MIB)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        rest = await client.reader.read()
    assert int.from_bytes(rest[2:4], "big") == 1009


async def test_text_that_is_no_utf_8_closes_with_1007_however_long(where: str) -> None:
    for size in (10, 300_000, 2 * MIB):
        async with wire(where, ASKING) as client:
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            await client.send_all(frame(TEXT, b'{"code":"' + b"x" * size + b'\xff"}'))
            rest = await client.reader.read()
        assert int.from_bytes(rest[2:4], "big") == 1007


async def test_what_is_not_code_closes_with_1009_and_is_told_on_a_session(where: str) -> None:
    message = json.dumps({"op": "execute", "requestId": "a", "code": "1", "more": [0] * 200_000})
    error = "the message without its code and text is larger than the limit of 262144 bytes"
    async with Client(where) as client:
        result = await client.send_first(message)
        assert (result.close_code, result.close_reason) == (1009, error)
        async with client.http.ws_connect(client.base + "/session") as socket:
            await socket.send_str(message)
            refused = await socket.receive_json()
            assert (refused["code"], refused["value"]) == ("body_too_large", error[:1].upper() + error[1:])
            await socket.receive_json()
            await socket.send_json({"op": "ping", "requestId": "b"})
            assert (await socket.receive_json())["requestId"] == "b"


async def test_a_sessions_messages_keep_their_order(where: str) -> None:
    """A thread decodes a large message; the small messages after it wait for it."""
    async with Client(where) as client, client.http.ws_connect(client.base + "/session") as socket:
        await socket.send_json(
            {"op": "execute", "requestId": "large", "code": "#" + "x" * 2 * MIB + "\nprint('large')"}
        )
        for number in range(3):
            await socket.send_json({"op": "execute", "requestId": str(number), "code": f"print({number})"})
        said: list[str] = []
        while len(said) < 4:
            message: dict[str, Any] = await socket.receive_json()
            if message["type"] == "stdout":
                said.append(message["text"])
    assert said == ["large\n", "0\n", "1\n", "2\n"]


async def test_pings_that_come_all_at_once_let_others_have_their_turn() -> None:
    turns = 0
    done = False

    async def others() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    async def serve(request: web.Request) -> web.StreamResponse:
        nonlocal done, turns
        socket = open_socket(request)
        await socket.receive()
        turns = 0
        other = asyncio.create_task(others())
        await socket.receive()  # after a thousand pings
        done = True
        await other
        socket.finish(NORMAL, str(turns).encode())
        await socket.leave()
        return UPGRADED

    app = web.Application()
    app[SETTINGS] = HttpSettings()
    app[SHOW] = error_answer
    app.router.add_get("/", serve)
    server = AppServer(app)
    async with server, aiohttp.ClientSession() as http, http.ws_connect(server.make_url("/")) as socket:
        await socket.send_str("first")
        for _ in range(1000):
            await socket.ping()
        await socket.send_str("last")
        assert int((await socket.receive()).data) >= 1000 // TAKEN_AT_ONCE // 2


# A client that closes its sending half


# Clients that leave in the middle: the fixture checks the log


# Headers that are not ASCII


# An answer does not repeat a client's long text
