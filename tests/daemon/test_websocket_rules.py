"""What a daemon does about frames that break a rule, and about how a connection closes, on every route."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable

import pytest
from frame_rules import BROKEN
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, RawSocket, frame, open_raw
from framing import LIMIT_BYTES, close
from harness import PREFIX, Client
from standing import SharedDaemon

PATHS = ("/execute", "/session", "/context/default/events")
FLAGS = ("--body-limit-bytes", str(LIMIT_BYTES))
RUN = b'{"op":"execute","requestId":"a","code":"print(1)"}'


class Place:
    """A daemon, and raw connections to it."""

    def __init__(self, daemon: SharedDaemon) -> None:
        self.url = daemon.url
        self.port = int(daemon.url.rpartition(":")[2])

    def open(self, path: str) -> contextlib.AbstractAsyncContextManager[RawSocket]:
        """Open a WebSocket."""
        return open_raw(self.port, PREFIX + path)


@pytest.fixture
async def place(standing: Callable[..., SharedDaemon]) -> AsyncIterator[Place]:
    """Yield a daemon with a small limit for messages; its default context exists. Afterwards it works."""
    place = Place(standing(*FLAGS))
    async with Client(place.url) as client:
        await client.run("pass")
        yield place
        assert (await client.run("print('goes on')")).stdout == "goes on\n"


async def ends(raw: RawSocket) -> list[Frame]:
    """Return all frames but those of output, up to the end of the connection."""
    return [seen for seen in await raw.rest() if seen.opcode != TEXT]


async def next_but_text(raw: RawSocket) -> Frame | None:
    """Return the next frame that is not output, or an event of a followed context."""
    while (seen := await raw.receive()) is not None and seen.opcode == TEXT:
        pass
    return seen


@pytest.mark.parametrize("path", PATHS)
async def test_what_breaks_a_rule_is_told_by_its_close_code_and_ends_its_connection_only(
    place: Place, path: str
) -> None:
    async with place.open("/session") as bystander:
        for name, (data, code, words) in BROKEN.items():
            async with place.open(path) as raw:
                await raw.send(data)
                found = await ends(raw)
            assert (name, [(seen.opcode, seen.close_code) for seen in found]) == (name, [(CLOSE, code)])
            assert words in found[0].payload[2:].decode(), name
        await bystander.send(frame(PING, b"still there"))
        assert await bystander.receive() == Frame(PONG, b"still there")


@pytest.mark.parametrize("path", PATHS)
async def test_endless_fragments_have_an_end(place: Place, path: str) -> None:
    async with place.open(path) as raw:
        await raw.send(frame(TEXT, fin=False), *[frame(CONTINUATION, fin=False)] * 70_000)
        assert [seen.close_code for seen in await ends(raw)] == [1009]


async def test_a_client_that_breaks_a_rule_while_its_code_runs_has_disconnected(place: Place) -> None:
    async with place.open("/execute") as raw:
        await raw.send(frame(TEXT, b'{"code":"print(1)\\nwhile True: pass","onDisconnect":"interrupt"}'))
        assert await raw.receive() == Frame(TEXT, b'{"type":"stdout","text":"1\\n"}')
        await raw.send(frame(PING, masked=False))
        assert [seen.close_code for seen in await ends(raw)] == [1002]


async def test_a_ping_between_fragments_is_answered_before_the_message_ends(place: Place) -> None:
    for path in PATHS:
        async with place.open(path) as raw:
            await raw.send(frame(TEXT, RUN[:20], fin=False), frame(PING, b"one"))
            assert await next_but_text(raw) == Frame(PONG, b"one")
            await raw.send(frame(CONTINUATION, RUN[20:30], fin=False), frame(PING, b"two"))
            assert await next_but_text(raw) == Frame(PONG, b"two")
            await raw.send(frame(CONTINUATION, RUN[30:]), close(1000))
            assert (await ends(raw))[-1].opcode == CLOSE


async def test_a_message_may_arrive_byte_by_byte(place: Place) -> None:
    async with place.open("/execute") as raw:
        for byte in frame(PING, b"a") + frame(TEXT, RUN):
            await raw.send(bytes((byte,)))
        found = await raw.rest()
    assert found[0] == Frame(PONG, b"a")
    assert json.loads(found[1].payload) == {"type": "stdout", "text": "1\n"}
    assert found[-1].close_code == 1000


async def test_many_messages_may_arrive_at_once(place: Place) -> None:
    async with place.open("/session") as raw:
        asked = [b'{"op":"ping","requestId":"%d"}' % number for number in range(300)]
        await raw.send(b"".join(frame(TEXT, each) + frame(PING, each) for each in asked))
        found = [await raw.receive() for _ in range(600)]
    assert [seen.payload for seen in found if seen and seen.opcode == PONG] == asked
    names = [json.loads(seen.payload)["requestId"] for seen in found if seen and seen.opcode == TEXT]
    assert names == [str(number) for number in range(300)]


@pytest.mark.parametrize("path", PATHS)
async def test_a_clients_close_is_answered_and_the_connection_ends(place: Place, path: str) -> None:
    for code in (None, 1000, 1001, 1013, 3000, 4999):
        async with place.open(path) as raw:
            await raw.send(frame(CLOSE) if code is None else close(code, "why ☃".encode()))
            found = await next_but_text(raw)
            assert found is not None
            assert found.opcode == CLOSE
            assert found.close_code in (1000, code)
            assert await raw.receive() is None


async def test_nothing_after_a_clients_close_is_done(place: Place) -> None:
    async with place.open("/session") as raw:
        after = RUN.replace(b"print(1)", b"sent_too_late = 1")
        await raw.send(close(1000) + frame(TEXT, after) + frame(PING, b"late") + frame(3))
        assert [seen.opcode for seen in await raw.rest()] == [CLOSE]
    async with Client(place.url) as client:
        assert (await client.run("print('sent_too_late' in globals())")).stdout == "False\n"


async def test_the_daemons_close_waits_for_the_clients(place: Place) -> None:
    """A client that still sends when the daemon closes loses nothing: without the wait the kernel would reset."""
    async with place.open("/execute") as raw:
        await raw.send(frame(TEXT, b'{"code":"print(2)"}'))
        found = []
        while not found or found[-1].opcode != CLOSE:
            seen = await raw.receive()
            assert seen is not None
            found.append(seen)
        await raw.send(frame(TEXT, b"late"), frame(PING, b"late"), frame(BINARY, b"\xff" * 1000))
        await raw.send(close(1000))
        assert [seen.opcode for seen in await raw.rest()] in ([], [PONG])
    assert [json.loads(seen.payload) for seen in found[:-1]] == [
        {"type": "stdout", "text": "2\n"},
        {"type": "control", "text": "completed"},
    ]


async def test_a_client_that_answers_the_daemons_close_by_a_violation_is_ended(place: Place) -> None:
    async with place.open("/execute") as raw:
        await raw.send(frame(TEXT, b'{"code":"pass"}'))
        while (seen := await raw.receive()) is not None and seen.opcode != CLOSE:
            pass
        await raw.send(frame(3), close(1000))
        assert await raw.receive() is None


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_that_only_closes_its_sending_half_is_gone(place: Place, path: str) -> None:
    async with place.open(path) as raw:
        await raw.send(frame(PING, b"a"))
        assert await next_but_text(raw) == Frame(PONG, b"a")
        raw.end()
        assert all(seen.opcode == CLOSE for seen in await ends(raw))


async def test_a_reason_is_told_whole_and_cut_between_characters(place: Place) -> None:
    unknown = "ü" * 200
    async with place.open("/execute") as raw:
        await raw.send(frame(TEXT, json.dumps({"code": "pass", "contextId": unknown}).encode()))
        found = await ends(raw)
    reason = found[0].payload[2:]
    assert len(reason) in (122, 123)
    assert reason.decode().startswith("context not found: üüü")


STALLED = {
    "a head": (frame(TEXT, b"x" * 1000)[:3],),
    "a frame": (frame(TEXT, b"x" * 1000)[:500],),
    "a message": (frame(TEXT, RUN[:10], fin=False),),
    "a message with pings": (frame(TEXT, RUN[:10], fin=False), frame(PING, b"alive")),
}


@pytest.mark.parametrize("path", PATHS)
async def test_a_message_that_stops_before_its_end_ends_the_connection(
    standing: Callable[..., SharedDaemon], path: str
) -> None:
    place = Place(standing("--body-timeout-s", "0.2", "--first-message-timeout-s", "60"))
    async with Client(place.url) as client:
        await client.run("pass")
    for name, sent in STALLED.items():
        async with place.open(path) as raw:
            await raw.send(*sent)
            found = [seen for seen in await ends(raw) if seen.opcode != PONG]
        assert (name, [seen.close_code for seen in found]) == (name, [1008])
        assert b"rest of a message" in found[0].payload
