"""The handshake of a WebSocket (RFC 6455, section 4), on every route that has one."""

import json

import pytest
from frames import CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, RawSocket, frame
from harness import Client
from refusing import where as where  # a fixture
from wires import Answer, head, wire

PATHS = ("/execute", "/session", "/context/default/events")
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of this key: RFC 6455, section 1.3
GOOD = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", KEY)
RUN = b'{"op":"execute","requestId":"a","code":"print(1)"}'


def changed(old: bytes, *new: bytes) -> tuple[bytes, ...]:
    """Return the lines of a good handshake, with others in the place of one."""
    return tuple(line for each in GOOD for line in (new if each == old else (each,)))


async def answers(where: str, *lines: bytes, version: bytes = b"1.1") -> dict[str, Answer]:
    """Return the answer of each route to a handshake of these lines. A follower's context exists."""
    async with Client(where) as client:
        await client.run("pass")
    found = {}
    for path in PATHS:
        async with wire(where, head("GET", path, *lines).replace(b"HTTP/1.1", b"HTTP/" + version)) as client:
            answer = await client.answer()
        assert answer is not None
        found[path] = answer
    return found


ACCEPTED = {
    "as the RFC shows it": GOOD,
    "in another case": changed(GOOD[0], b"upgrade: WebSocket"),
    "one of several connection options": changed(GOOD[1], b"Connection: keep-alive, Upgrade"),
    "an extension": (*GOOD, b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    "two extensions": (*GOOD, b"Sec-WebSocket-Extensions: x-webkit-deflate-frame, permessage-deflate"),
    "an extension that nobody knows": (*GOOD, b"Sec-WebSocket-Extensions: nonsense; a=1"),
}


@pytest.mark.parametrize("lines", ACCEPTED.values(), ids=ACCEPTED)
async def test_a_handshake_is_accepted_without_extensions(where: str, lines: tuple[bytes, ...]) -> None:
    for path, answer in (await answers(where, *lines)).items():
        assert (path, answer.status, answer.headers["sec-websocket-accept"]) == (path, 101, ACCEPT)
        assert answer.headers["upgrade"].lower() == "websocket"
        assert answer.headers["connection"].lower() == "upgrade"
        assert "sec-websocket-extensions" not in answer.headers
        assert "sec-websocket-protocol" not in answer.headers


BAD_KEYS = {
    "no key": (),
    "an empty key": (b"Sec-WebSocket-Key:",),
    "a key that is no base64": (b"Sec-WebSocket-Key: " + b"!" * 24,),
    "a key of 15 bytes": (b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA",),
    "a key of 17 bytes": (b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=",),
    "a key without its padding": (b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA",),
    "a long key": (b"Sec-WebSocket-Key: " + b"A" * 4000,),
}


@pytest.mark.parametrize("lines", BAD_KEYS.values(), ids=BAD_KEYS)
async def test_a_bad_key_is_named(where: str, lines: tuple[bytes, ...]) -> None:
    for path, answer in (await answers(where, *changed(KEY, *lines))).items():
        assert (path, answer.status) == (path, 400)
        assert "Sec-WebSocket-Key" in answer.json["error"]
        assert set(answer.json) == {"error", "code"}
        assert len(answer.body) < 500


@pytest.mark.parametrize("version", [b"12", b"14", b"8", b"0", b"", b"thirteen", b"013", b"13, 8"])
async def test_another_version_is_told_the_right_one(where: str, version: bytes) -> None:
    for path, answer in (await answers(where, *changed(GOOD[2], b"Sec-WebSocket-Version: " + version))).items():
        assert (path, answer.status) == (path, 426)
        assert answer.headers["sec-websocket-version"] == "13"
        assert set(answer.json) == {"error", "code"}


async def test_no_version_is_told_the_right_one(where: str) -> None:
    for path, answer in (await answers(where, *changed(GOOD[2]))).items():
        assert (path, answer.status, answer.headers["sec-websocket-version"]) == (path, 426, "13")


async def test_http_1_0_has_no_websocket(where: str) -> None:
    for path, answer in (await answers(where, *GOOD, version=b"1.0")).items():
        assert answer.status in (400, 426), path
        assert set(answer.json) == {"error", "code"}


@pytest.mark.parametrize("lines", [changed(GOOD[1]), changed(GOOD[1], b"Connection: close")], ids=["none", "close"])
async def test_an_upgrade_needs_its_connection_option(where: str, lines: tuple[bytes, ...]) -> None:
    found = await answers(where, *lines)
    for path in ("/execute", "/session"):
        assert found[path].status in (400, 426), path
        assert set(found[path].json) == {"error", "code"}


async def test_frames_may_come_together_with_the_handshake(where: str) -> None:
    data = head("GET", "/execute", *GOOD) + frame(PING, b"early") + frame(TEXT, RUN[:20], fin=False)
    async with wire(where, data + frame(CONTINUATION, RUN[20:])) as client:
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 101
        found = await RawSocket(client.reader, client.writer).rest()
    assert found[0] == Frame(PONG, b"early")
    assert json.loads(found[1].payload) == {"type": "stdout", "text": "1\n"}
    assert (found[-1].opcode, found[-1].close_code) == (CLOSE, 1000)


async def test_a_handshake_may_arrive_byte_by_byte(where: str) -> None:
    data = head("GET", "/execute", *GOOD) + frame(TEXT, RUN)
    async with wire(where) as client:
        for place in range(len(data)):
            await client.send_all(data[place : place + 1])
        assert await client.answer() is not None
        found = await RawSocket(client.reader, client.writer).rest()
    assert [seen.close_code for seen in found][-1] == 1000
