"""What a client is told whose request is refused below the routes, however it writes and reads."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from frames import BINARY, CLOSE, TEXT, frame
from harness import Client
from standing import shared_daemon
from wires import UPGRADE, head, posted, wire

from interpreterd.http.keys import SETTINGS
from interpreterd.http.settings import HttpSettings
from interpreterd.http.websocket import RECEIVED_AT_ONCE, open_socket
from interpreterd.model.errors import Forbidden

MIB = 1 << 20
LIMIT_BYTES = 16 * MIB
KEY = UPGRADE.split()[-1]
UPGRADED = head("GET", "/execute", UPGRADE[:-2])


@pytest.fixture(scope="module", params=["tcp", "unix"])
def where(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a daemon listens. It must not log a mistake of its own, whatever comes."""
    flags = ("--unix-socket", "a.sock") if request.param == "unix" else ()
    with shared_daemon(tmp_path_factory.mktemp("refusing"), *flags, "--pool-size", "1") as daemon:
        yield daemon.url


# What is no HTTP

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


# What is too large, from clients that write all before they read

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
        await client.send_all(frame(TEXT, claims=MIB, fin=False) + b" " * MIB)
        for _ in range(32):
            await client.send_all(frame(0, claims=MIB, fin=False) + b" " * MIB)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        rest = await client.reader.read()
    assert int.from_bytes(rest[2:4], "big") == 1009


async def test_text_that_is_no_utf_8_closes_with_1007_however_long(where: str) -> None:
    for size in (10, 300_000, 2 * MIB):
        async with wire(where, UPGRADED) as client:
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
    """A large one is decoded elsewhere; the small ones after it wait for it."""
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
        socket = await open_socket(request)
        await socket.receive()
        turns = 0
        other = asyncio.create_task(others())
        await socket.receive()  # after a thousand pings
        done = True
        await other
        await socket.send_str(str(turns))
        return socket

    app = web.Application()
    app[SETTINGS] = HttpSettings()
    app.router.add_get("/", serve)
    server = TestServer(app)
    async with server, aiohttp.ClientSession() as http, http.ws_connect(server.make_url("/")) as socket:
        await socket.send_str("first")
        for _ in range(1000):
            await socket.ping()
        await socket.send_str("last")
        assert int((await socket.receive()).data) >= 1000 // RECEIVED_AT_ONCE


# A client that closes its sending half

SLOW = b'{"code":"import time; time.sleep(0.2); print(1)"%b}'
HALVES = {
    "GET": head("GET", "/contexts"),
    "health": head("GET", "/health"),
    "not found": head("GET", "/nowhere"),
    "HEAD": head("GET", "/health"),
    "json": posted(SLOW % b""),
    "ndjson": posted(SLOW % b"", b"Accept: application/x-ndjson"),
    "events": posted(SLOW % b"", b"Accept: text/event-stream"),
    "background": posted(SLOW % b',"background":true'),
    "context": posted(b"{}", path="/context"),
    "chunked": head("POST", "/execute", b"Transfer-Encoding: chunked")
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SLOW % b""), SLOW % b""),
}


@pytest.mark.parametrize("data", HALVES.values(), ids=HALVES)
async def test_a_client_that_closes_its_sending_half_gets_its_answer(where: str, data: bytes) -> None:
    async with wire(where, data) as client:
        client.writer.write_eof()
        answer = await client.answer()
        assert answer is not None
        assert answer.status in (200, 202, 404)
        assert answer.body
        if b"time.sleep" in data and answer.status == 200:
            assert b"1\\n" in answer.body
        assert await client.is_closed()


async def test_all_that_was_asked_before_the_half_was_closed_is_answered(where: str) -> None:
    async with wire(where, head("GET", "/contexts") + posted(SLOW % b"") + head("GET", "/health")) as client:
        client.writer.write_eof()
        answers = [await client.answer() for _ in range(3)]
        assert [answer and answer.status for answer in answers] == [200, 200, 200]
        assert await client.is_closed()


async def test_a_body_that_is_cut_by_it_is_told(where: str) -> None:
    chunked = head("POST", "/execute", b"Transfer-Encoding: chunked") + b"5\r\n{"
    for data in (posted(b'{"code":', size=100), posted(b"", size=1), chunked):
        async with wire(where, data) as client:
            client.writer.write_eof()
            answer = await client.answer()
            assert answer is not None
            assert answer.json == {"error": "the body cannot be read: its end is missing", "code": "malformed_request"}
            assert await client.is_closed()


# Clients that go in the middle: the fixture looks into the log


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
async def test_one_that_goes_in_the_middle_is_no_mistake(where: str, is_reset: bool) -> None:
    for data in (
        posted(b'{"code":', size=100),
        HALVES["chunked"][:-8],
        head("GET", "/contexts")[:30],
        HALVES["ndjson"],
    ):
        async with wire(where, data) as client:
            await client.writer.drain()
            if is_reset:
                client.writer.transport.abort()
    async with wire(where, head("GET", "/health")) as client:
        assert await client.answer() is not None


# Headers that are no ASCII


@pytest.mark.parametrize("character", ["é".encode(), "\u212a".encode(), b"\xff", b"\xc3"])
async def test_a_websockets_headers_must_be_ascii(where: str, character: bytes) -> None:
    async with Client(where) as client:
        await client.run("pass")
    for path in ("/execute", "/session", "/context/default/events"):
        for old, new in ((KEY[:4], character + KEY[:4]), (b"websocket", b"websoc" + character + b"et")):
            if path.endswith("events") and new.lower().decode(errors="replace") != "websocket" and new[:3] == b"web":
                continue  # that is no WebSocket, and it has another form
            async with wire(where, head("GET", path, UPGRADE[:-2].replace(old, new))) as asking:
                answer = await asking.answer()
            assert answer is not None
            assert (path, answer.status, answer.json["code"]) == (path, 400, "malformed_request")


@pytest.mark.parametrize(
    "name",
    [
        "Origin",
        "Host",
        "Accept",
        "Expect",
        "Last-Event-ID",
        "Content-Type",
        "Content-Encoding",
        "Connection",
        "Sec-WebSocket-Protocol",
        "Access-Control-Request-Headers",
    ],
)
async def test_no_header_is_answered_with_500(where: str, name: str) -> None:
    async with Client(where) as client:
        await client.run("pass")
    for value in (b"\xff", "é".encode(), b"\xed\xa0\x80", b"X-Daytona-SDK-Version~\xff"):
        line = name.encode() + b": " + value
        for request in (
            head("GET", "/contexts", line),
            head("GET", "/context/default/events?from=0", line),
            posted(b'{"code":"1"}', line),
            head("GET", "/execute", UPGRADE[:-2], line),
            head("OPTIONS", "/contexts", b"Origin: http://localhost", line),
            head("GET", "/nowhere", line),
        ):
            data = request.replace(b"Host: localhost\r\n", b"") if name == "Host" else request
            async with wire(where, data) as asking:
                assert await asking.status() < 500, data


async def test_an_expectation_is_nowhere_answered_but_in_json(where: str) -> None:
    for path in ("/nowhere", "/health"):
        for value in (b"miracles", b"\xff"):
            async with wire(where, head("DELETE", path, b"Expect: " + value)) as asking:
                answer = await asking.answer()
            assert answer is not None
            assert 400 <= answer.status < 500
            assert set(answer.json) == {"error", "code"}


# What a client says is not repeated at length

LONG = "x" * 200_000


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/execute", {"code": "1", "contextId": LONG}),
        ("POST", "/execute", {"code": "1", "origin": LONG}),
        ("POST", "/execute", {"code": "1", "events": LONG}),
        ("POST", "/execute", {"code": "1", "envs": {LONG: "=", "=": LONG}}),
        ("POST", "/context", {"cwd": "/" + LONG}),
        ("POST", "/context", {"cwd": "/" + "x/" * 2000}),
        ("POST", "/context", {"cwd": LONG}),
        ("POST", "/context", {"language": LONG}),
        ("POST", "/context", {"preload": [LONG]}),
        ("POST", "/context", {"metadata": {LONG: "1"}}),
        ("POST", "/context", {"limits": {"memoryBytes": LONG}}),
        ("GET", f"/context/{LONG[:7000]}", None),
        ("GET", f"/executions/{LONG[:7000]}", None),
        ("GET", f"/contexts?usage={LONG[:7000]}", None),
        ("GET", f"/contexts?label={LONG[:7000]}", None),
        ("DELETE", f"/{LONG[:7000]}", None),
    ],
)
async def test_an_error_repeats_little(where: str, method: str, path: str, body: Any) -> None:
    async with Client(where) as client:
        _, answer = await client.request(method, path, json=body)
    if method != "GET" or "contexts" not in answer:
        assert 10 < len(answer["error"]) < 2200


async def test_headers_are_not_repeated_at_length(where: str) -> None:
    async with Client(where) as client:
        for name in ("Origin", "Host"):
            status, answer = await client.request("GET", "/contexts", headers={name: "http://" + LONG[:8000]})
            assert status == 403
            assert len(answer["error"]) < 2200


async def test_messages_are_not_repeated_at_length(where: str) -> None:
    async with Client(where) as client:
        assert len((await client.run("1", LONG)).close_reason) <= 123
        async with client.http.ws_connect(client.base + "/session") as socket:
            for key in ("requestId", "op", "contextId", "executionId"):
                await socket.send_json({"op": "interrupt", "requestId": "a", key: LONG})
            await socket.send_json({"op": "ping", "requestId": "last"})
            said = [await socket.receive_json()]
            while said[-1]["requestId"] != "last":
                said.append(await socket.receive_json())
    assert len(said) > 4
    assert max(len(json.dumps(message)) for message in said) < 3000


def test_a_long_error_keeps_its_beginning_and_its_end() -> None:
    text = str(Forbidden("host not allowed: " + "x" * 10_000 + "; --allow-host allows it"))
    assert text.startswith("host not allowed: xxx")
    assert " … 8042 characters … " in text
    assert text.endswith("xxx; --allow-host allows it")
