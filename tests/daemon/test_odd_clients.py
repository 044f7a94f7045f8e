"""Clients that close their sending half, leave in the middle, or send long invalid messages."""

import json
from typing import Any

import pytest
from harness import Client
from refusing import where as where  # a fixture
from wires import UPGRADE, head, posted, wire

from interpreterd.model.errors import Forbidden

KEY = UPGRADE.split()[-1]


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


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
async def test_a_client_that_leaves_in_the_middle_causes_no_error_in_the_log(where: str, is_reset: bool) -> None:
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


@pytest.mark.parametrize("character", ["é".encode(), "\u212a".encode(), b"\xff", b"\xc3"])
async def test_a_websockets_headers_must_be_ascii(where: str, character: bytes) -> None:
    async with Client(where) as client:
        await client.run("pass")
    for path in ("/execute", "/session", "/context/default/events"):
        for old, new in ((KEY[:4], character + KEY[:4]), (b"websocket", b"websoc" + character + b"et")):
            if path.endswith("events") and new.lower().decode(errors="replace") != "websocket" and new[:3] == b"web":
                continue  # this route is not a WebSocket and has another form of error
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
