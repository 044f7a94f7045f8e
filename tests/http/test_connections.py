"""Connections that send nothing, half a head or half a body, and too many connections of any kind."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from frames import BINARY, CONTINUATION, PING, frame
from harness import COMMAND, Client, Daemon
from standing import shared_daemon
from wires import UPGRADE, Answer, Wire, head, posted, wire

pytestmark = pytest.mark.daemon

StartDaemon = Callable[..., Awaitable[Daemon]]
BRIEF = "0.3"
TIMES = ("--head-timeout-s", BRIEF, "--body-timeout-s", BRIEF, "--keep-alive-s", BRIEF)
HEALTH = head("GET", "/health")
CODE = b'{"code":"print(1)"}'


@pytest.fixture(scope="module", params=["tcp", "unix"])
def brief(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a daemon with short timeouts."""
    flags = (*TIMES, "--unix-socket", "a.sock") if request.param == "unix" else TIMES
    with shared_daemon(tmp_path_factory.mktemp("brief"), *flags) as daemon:
        yield daemon.url


def told_to_hurry(answer: Answer | None, what: str) -> bool:
    """Return whether the answer says that ``what`` (head or body) did not come in time."""
    assert answer is not None
    error = f"The {what} of the request did not come in time"
    return (answer.status, answer.json) == (408, {"error": error, "code": "request_timeout"})


async def test_a_connection_that_says_nothing_is_closed(brief: str) -> None:
    async with wire(brief) as silent:
        assert await silent.is_closed()


@pytest.mark.parametrize("data", [b"G", HEALTH[:-2], b"\r\n", posted(CODE)[:40]])
async def test_half_a_head_is_answered_and_closed(brief: str, data: bytes) -> None:
    async with wire(brief, data) as half:
        assert told_to_hurry(await half.answer(), "head")
        assert await half.is_closed()


async def test_a_head_that_comes_in_drops_has_no_more_time(brief: str) -> None:
    async with wire(brief, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ") as slow:
        answer = await dripping(slow, b"x")
    assert told_to_hurry(answer, "head")


@pytest.mark.parametrize("path", ["/execute", "/context"])
@pytest.mark.parametrize("sent", [b"", b'{"code":'])
async def test_half_a_body_is_answered_and_closed(brief: str, path: str, sent: bytes) -> None:
    async with wire(brief, posted(sent, path=path, size=100)) as half:
        assert told_to_hurry(await half.answer(), "body")
        assert await half.is_closed()


async def test_a_body_in_chunks_that_stops_is_answered_and_closed(brief: str) -> None:
    async with wire(brief, head("POST", "/execute", b"Transfer-Encoding: chunked") + b"3\r\n{  \r\n") as half:
        assert told_to_hurry(await half.answer(), "body")
        assert await half.is_closed()


async def test_a_body_that_comes_in_drops_has_a_limit_in_all(brief: str) -> None:
    async with wire(brief, posted(b" ", size=100_000)) as slow:
        answer = await dripping(slow, b" ")
    assert told_to_hurry(answer, "body")


async def dripping(slow: Wire, drop: bytes) -> Answer | None:
    """Send ``drop`` again and again until there is an answer."""
    answer = asyncio.create_task(slow.answer())
    while not (await asyncio.wait([answer], timeout=0.05))[0]:
        slow.writer.write(drop)
    return await answer


async def test_a_body_that_pauses_and_comes_is_taken(brief: str) -> None:
    async with wire(brief, posted(b"", size=len(CODE))) as slow:
        for number in CODE:
            slow.writer.write(bytes([number]))
            await slow.writer.drain()
            await asyncio.sleep(0)
        answer = await slow.answer()
    assert answer is not None
    assert answer.json["stdout"] == "1\n"


async def test_a_connection_without_further_requests_is_closed(brief: str) -> None:
    async with wire(brief, HEALTH) as kept:
        for _ in range(3):
            answer = await kept.answer()
            assert answer is not None
            assert answer.status == 200
            kept.writer.write(HEALTH)
        assert await kept.answer() is not None
        assert await kept.is_closed()


async def test_half_a_head_after_an_answer_is_told_too(brief: str) -> None:
    async with wire(brief, HEALTH) as kept:
        assert await kept.answer() is not None
        kept.writer.write(HEALTH[:20])
        answer = await kept.answer()
        # The daemon may have closed the idle connection before the half head came.
        assert answer is None or told_to_hurry(answer, "head")


async def test_a_connection_that_waits_for_an_answer_is_not_silent(brief: str) -> None:
    body = json.dumps({"code": f"import time; time.sleep(3 * {BRIEF}); print(1)"}).encode()
    async with wire(brief, posted(body)) as patient:
        answer = await patient.answer()
    assert answer is not None
    assert answer.json["stdout"] == "1\n"


# Too many connections

SILENT = [
    b"",
    HEALTH[:-2],
    posted(CODE, size=100),
    head("GET", "/execute", UPGRADE[:-2]),
    head("GET", "/session", UPGRADE[:-2]),
]


@pytest.fixture
async def connected() -> AsyncIterator[Callable[[str, bytes], Awaitable[Wire]]]:
    """Yield a function that opens a connection; each stays open to the end of the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect(url: str, data: bytes) -> Wire:
            return await stack.enter_async_context(wire(url, data))

        yield connect


Connect = Callable[[str, bytes], Awaitable[Wire]]


@pytest.mark.parametrize("flags", [(), ("--unix-socket", "a.sock")], ids=["tcp", "unix"])
async def test_silent_connections_make_room_for_those_with_requests(
    start_daemon: StartDaemon, connected: Connect, flags: tuple[str, ...]
) -> None:
    limited = ["sh", "-c", 'ulimit -n 160 && exec "$0" "$@"', str(COMMAND)]
    daemon = await start_daemon(*flags, "--pool-size", "0", command=limited)
    for number in range(200):
        await connected(daemon.url, SILENT[number % len(SILENT)])
        if number % 20 == 19:
            asking = await connected(daemon.url, HEALTH)
            answer = await asking.answer()
            assert answer is not None
            assert answer.status == 200
    async with Client(daemon.url) as client:
        for _ in range(3):
            context = await client.create()
            assert (await client.run("print(1)", context)).stdout == "1\n"
    await daemon.stop()
    told = [line for line in daemon.log.decode().splitlines() if "connections are open" in line]
    assert len(told) == 1, told
    assert "with 160 descriptors and a limit of 80 connections" in told[0]
    assert b"Traceback" not in daemon.log


async def test_when_no_connection_is_silent_health_is_answered_and_others_are_refused(
    start_daemon: StartDaemon, connected: Connect
) -> None:
    daemon = await start_daemon("--max-connections", "6", "--base-path", "/base")
    async with Client(daemon.url) as client:
        context = await client.create()
        follow = head("GET", f"/context/{context}/events")
        followers = [await connected(daemon.url, follow) for _ in range(5)]
        for follower in followers:
            assert await follower.reader.readuntil(b"\r\n\r\n")
        await client.request("POST", f"/context/{context}/interrupt")
        # The sixth connection is the idle one of ``client``. The daemon closes it for one more follower.
        followers.append(await connected(daemon.url, follow))
        assert await followers[-1].reader.readuntil(b"\r\n\r\n")
    for path in ("/health", "/base/health"):
        asking = await connected(daemon.url, HEALTH.replace(b"/health", path.encode()))
        answer = await asking.answer()
        assert answer is not None
        assert answer.json["status"] == "ok"
        assert await asking.is_closed()
    for request in (head("GET", "/contexts"), posted(CODE), head("GET", "/execute", UPGRADE[:-2])):
        asking = await connected(daemon.url, request)
        answer = await asking.answer()
        assert answer is not None
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json == {"error": "Too many connections: the limit is 6", "code": "limit_reached"}
        assert await asking.is_closed()
    followers.pop().writer.close()
    while True:  # until the daemon notices that the follower is gone
        asking = await connected(daemon.url, head("GET", "/contexts"))
        answer = await asking.answer()
        assert answer is not None
        if answer.status == 200:
            break
    await daemon.stop()
    assert daemon.log.count(b"connections are open, with ") == 1


async def test_the_connection_that_was_silent_longest_is_closed_first(
    start_daemon: StartDaemon, connected: Connect, tmp_path: Path
) -> None:
    daemon = await start_daemon("--max-connections", "3")
    waiting = [await connected(daemon.url, data) for data in (HEALTH[:-2], posted(CODE, size=100), HEALTH)]
    assert await waiting[2].answer() is not None
    for oldest in waiting:
        asking = await connected(daemon.url, HEALTH)
        assert await asking.answer() is not None
        assert await oldest.is_closed()


# Large requests


async def test_unfinished_requests_of_all_connections_together_have_a_limit(
    start_daemon: StartDaemon, connected: Connect
) -> None:
    size = 100_000
    daemon = await start_daemon("--body-limit-bytes", str(size), "--pool-size", "0")
    body = b'{"code":"' + b"x" * (size - 10_000)
    half = posted(body, size=size)
    held: list[Wire] = []
    for _ in range(40):
        held.append(await connected(daemon.url, half))
        answer = await answered(held[-1])
        if answer is not None:
            break
    assert answer is not None
    assert len(held) > 10
    assert (answer.status, answer.json["code"]) == (503, "limit_reached")
    assert answer.json["error"] == "Too many large requests at the same time"
    told = await connected(daemon.url, head("GET", "/session", UPGRADE[:-2]))
    assert (await told.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    told.writer.write(frame(BINARY, claims=size) + b" " * (size - 10_000))
    assert (await told.reader.read())[2:4] == (1013).to_bytes(2, "big")
    told = await connected(daemon.url, head("GET", "/session", UPGRADE[:-2]))
    assert (await told.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    told_back = pong = b"\x8a\x00"
    for opcode in [BINARY] + [CONTINUATION] * 8:  # pings between the frames do not hide the size of the message
        if told_back == pong:
            told.writer.write(frame(opcode, b" " * (size // 10), fin=False) + frame(PING))
            told_back = await told.reader.read(4)
    told_back += await told.reader.read()
    assert told_back.removeprefix(pong)[2:4] == (1013).to_bytes(2, "big")
    async with Client(daemon.url) as client:  # small requests still work
        assert (await client.run("print(1)")).stdout == "1\n"
    for each in held:
        each.writer.close()
    while True:  # until the daemon notices that the clients are gone
        asking = await connected(daemon.url, half + b'"}'.rjust(size - len(body), b"x"))
        answer = await asking.answer()
        assert answer is not None
        if answer.status != 503:
            break
    assert answer.json["error"]["name"] == "NameError"


async def answered(held: Wire) -> Answer | None:
    """Return the answer, or ``None`` if there is none after 0.1 s."""
    answer = asyncio.create_task(held.answer())
    await asyncio.wait([answer], timeout=0.1)
    if answer.done():
        return answer.result()
    answer.cancel()
    await asyncio.wait([answer])
    return None
