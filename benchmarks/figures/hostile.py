"""How long hostile input holds the daemon's event loop, and how long other clients wait meanwhile.

Attacks come from threads with plain sockets, or from user code: their own cost is not in the figures. Each goes on,
again and again, while ``GET /health`` is asked in turns with the echo server's own.
"""

import asyncio
import contextlib
import fcntl
import gzip
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import aiohttp
from attrs import evolve

from benchmarks.bench import Bench, Pair, Scale
from benchmarks.client import PREFIX, request
from benchmarks.figures.lag import background, held, probe
from benchmarks.report import Row, ms
from benchmarks.stats import Blocks

LIMIT_S: Final = 0.05
BODY_BYTES: Final = 16 << 20  # the daemon's default limit
BOMB_BYTES: Final = 512 << 20  # in some 500 KiB
# The beginning of a close frame; a client that leaves then does not make the daemon wait for another one.
CLOSING: Final = b"\x88"
ATTACK_LIMIT_S: Final = 20.0
ASK_LIMIT_S: Final = 15.0
LEAD_S: Final = 1.0
Attack = Callable[[Pair, Scale], AbstractAsyncContextManager[None]]

# Finds the worker's channel and the current execution; then asks on and on, whatever the answers.
QUESTIONS: Final = """
import gc, json, os, stat
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
channel = max(fd for fd in map(int, os.listdir('/proc/self/fd')) if is_socket(fd))
mine = next(it['id'] for it in gc.get_objects() if type(it) is dict and it.get('type') == 'execute' and 'code' in it)
number = 0
while True:
    number += 1
    asked = {'type': 'asked', 'id': mine, 'number': number, 'prompt': '', 'password': False}
    os.write(channel, json.dumps(asked).encode() + b'\\n')
"""
JUNK: Final = QUESTIONS.partition("mine =")[0] + "os.write(channel, b'junk\\n')\nwhile True: pass\n"
FAMILY: Final = """
import os, threading, time
here, there = os.pipe()
for _ in range({processes}):
    if not os.fork():
        for _ in range({threads}): threading.Thread(target=time.sleep, args=(1000,)).start()
        os.write(there, b'.')
        time.sleep(1000)
for _ in range({processes}): os.read(here, 1)
print('all there', flush=True)
time.sleep(1000)
"""
LARGE_ERRORS: Final = 30
LARGE_ERROR: Final = "raise Exception('x' * 300_000)"


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return a request."""
    head = [f"POST {PREFIX}{path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body


def many_keys() -> bytes:
    """Return 16 MiB of JSON, all of it unknown keys."""
    keys = ",".join(f'"{number:x}":0' for number in range(BODY_BYTES // 11))
    return f"{{{keys}}}".encode()


def tiny_values() -> bytes:
    """Return 16 MiB of JSON, all of it numbers of one digit."""
    start = b'{"code":"pass","later":['
    return start + b"0," * ((BODY_BYTES - len(start) - 16) // 2) + b"0]}"


def tiny_chunks() -> bytes:
    """Return a request whose body comes in chunks of one byte, three million of them."""
    head = [f"POST {PREFIX}/execute HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode() + b"1\r\n \r\n" * (BODY_BYTES // 6) + b"0\r\n\r\n"


def bomb() -> bytes:
    """Return half a megabyte of gzip that becomes a thousand times as much."""
    return gzip.compress(b" " * BOMB_BYTES, 9)


def long_code(character: str) -> bytes:
    """Return an execution with 16 MiB of code that does nothing."""
    comment = character * ((BODY_BYTES - 100) // len(character.encode()))
    return f'{{"code":"#{comment}"}}'.encode()


def upgrade(message: bytes) -> bytes:
    """Return a WebSocket's first request and message, masked by zeros: RFC 6455, section 5.2."""
    head = [
        f"GET {PREFIX}/execute HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    frame = b"\x81\xff" + len(message).to_bytes(8, "big") + bytes(4) + message
    return "\r\n".join([*head, "", ""]).encode() + frame


def tiny_frames() -> bytes:
    """Return a session whose messages are pings and texts without a byte."""
    ping, text = b"\x89\x80" + bytes(4), b"\x81\x80" + bytes(4)
    return (
        upgrade(b"{}").replace(b"/execute ", b"/session ", 1) + ping * (BODY_BYTES // 24) + text * (BODY_BYTES // 240)
    )


def sent(make: Callable[[], bytes], *, enough_bytes: int | None = None, until: bytes | None = None) -> Attack:
    """Return the attack that sends the bytes of ``make``, on a new connection each time, and reads the answer.

    It leaves after ``enough_bytes`` of that, or when ``until`` has come.
    """

    @asynccontextmanager
    async def attack(pair: Pair, scale: Scale) -> AsyncIterator[None]:
        data = await asyncio.to_thread(make)
        over = threading.Event()

        def send() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):  # as it is refused, or cut off
                    _send(pair.daemon.port, data, enough_bytes, until)

        sending = asyncio.create_task(asyncio.to_thread(send))
        try:
            await asyncio.sleep(LEAD_S)
            yield
        finally:
            over.set()
            await sending

    return attack


def _send(port: int, data: bytes, enough_bytes: int | None, until: bytes | None) -> None:
    with socket.create_connection(("127.0.0.1", port), ATTACK_LIMIT_S) as client:
        client.sendall(data)
        read_bytes = 0
        while (enough_bytes is None or read_bytes < enough_bytes) and (piece := client.recv(1 << 16)):
            read_bytes += len(piece)
            if until is not None and until in piece:
                break


@asynccontextmanager
async def leavers(pair: Pair, scale: Scale) -> AsyncIterator[None]:
    """Clients ask for a list of large errors, and leave when its first part has come."""
    for _ in range(LARGE_ERRORS):
        async with pair.client.http.post(pair.client.url + PREFIX + "/execute", json={"code": LARGE_ERROR}) as response:
            await response.read()
    ask = f"GET {PREFIX}/context/default/executions HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    async with sent(lambda: ask, enough_bytes=1)(pair, scale):
        yield


def killed(*, quick: tuple[int, int], full: tuple[int, int]) -> Attack:
    """Return the attack that has large families, each of so many processes and threads in each, killed."""

    @asynccontextmanager
    async def attack(pair: Pair, scale: Scale) -> AsyncIterator[None]:
        processes, threads = quick if scale.quick else full
        code = FAMILY.format(processes=processes, threads=threads)

        async def churn() -> None:
            while True:
                context = await pair.client.create()
                async with pair.client.http.ws_connect(pair.client.url + PREFIX + "/execute") as socket:
                    await socket.send_str(request(code, context))
                    await socket.receive_str()
                    await pair.client.delete(context)

        async with background(churn()):
            yield

    return attack


@asynccontextmanager
async def questions(pair: Pair, scale: Scale) -> AsyncIterator[None]:
    """Code asks without end, although its input has ended."""

    async def churn() -> None:
        context = await pair.client.create()
        while True:
            async with pair.client.http.ws_connect(pair.client.url + PREFIX + "/execute") as socket:
                await socket.send_str(request(QUESTIONS, context, stdin=True, events="v2"))
                async for frame in socket:
                    if frame.json()["type"] == "inputRequest":
                        await socket.send_json({"op": "input", "text": None})

    async with background(churn()):
        yield


@asynccontextmanager
async def junk(pair: Pair, scale: Scale) -> AsyncIterator[None]:
    """Code makes the daemon log, into a log without a reader; see ``unread``."""

    async def churn() -> None:
        context = await pair.client.create()
        while True:
            async with pair.client.http.ws_connect(pair.client.url + PREFIX + "/execute") as socket:
                await socket.send_str(request(JUNK, context))
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass

    async with background(churn()):
        yield


@contextlib.contextmanager
def unread(bench: Bench) -> Iterator[Bench]:
    """Give the block a bench whose daemons write their log into a FIFO that is soon full."""
    directory = bench.directory / "unread"
    directory.mkdir()
    os.mkfifo(directory / "daemon.log")
    fd = os.open(directory / "daemon.log", os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
        yield evolve(bench, directory=directory)
    finally:
        os.close(fd)


ATTACKS: dict[str, Attack] = {
    "it is sent 16 MiB of JSON with unknown keys": sent(lambda: post("/context", many_keys())),
    "it is sent 16 MiB of JSON with tiny values": sent(lambda: post("/execute", tiny_values())),
    "it is sent 16 MiB of code, all of it escapes": sent(lambda: post("/execute", long_code("\\n"))),
    "it is sent a body in chunks of one byte": sent(tiny_chunks),
    "it is sent empty frames": sent(tiny_frames),
    "it is sent 0.5 MiB of gzip that become 512 MiB": sent(lambda: post("/context", bomb(), "Content-Encoding: gzip")),
    "it is sent 16 MiB of code": sent(lambda: post("/execute", long_code("x"))),
    "it is sent 16 MiB of code, four bytes a character, on WebSockets": sent(
        lambda: upgrade(long_code("😀")), until=CLOSING
    ),
    "it is sent 16 MiB of JSON with tiny values on WebSockets": sent(lambda: upgrade(tiny_values()), until=CLOSING),
    "clients leave in the middle of a long list": leavers,
    "families of many threads are killed": killed(quick=(2, 100), full=(10, 300)),
    "families of many processes are killed": killed(quick=(50, 0), full=(400, 0)),
    "code asks without end": questions,
    "its log is full and nobody reads it": junk,
}


async def hostile(bench: Bench) -> list[Row]:
    """Measure the loop, and ``GET /health`` with a pause of 10 ms before each, during each attack; n = probes."""
    return [await _row(bench, what, attack) for what, attack in ATTACKS.items()]


async def _row(bench: Bench, what: str, attack: Attack) -> Row:
    with unread(bench) if attack is junk else contextlib.nullcontext(bench) as own:
        async with own.pair("--grace-s", "0.2", probed=True) as pair, attack(pair, bench.scale):
            await held(pair)
            daemon, echo = await _ask(pair, bench.scale.probes // 3)
            loop = await held(pair)
    return Row(
        figure="hostile",
        what=f"longest that the event loop was held while {what} (p99)",
        target=f"≤ {ms(LIMIT_S)}",
        measured=f"{ms(loop['max'])} ({ms(loop['p99'])})",
        reference=f"`GET /health` p99 {ms(daemon.p99)}, longest {ms(max(daemon.samples))};"
        f" echo's {ms(echo.p99)}, {ms(max(echo.samples))}",
        met=loop["max"] <= LIMIT_S,
        value=loop["max"],
        unit="s",
        references={"`GET /health`": daemon.p99, "echo": echo.p99},
        values={"held": loop, "daemon": daemon.milliseconds(), "echo": echo.milliseconds()},
    )


async def _ask(pair: Pair, count: int) -> tuple[Blocks, Blocks]:
    """Ask both for their health, in turns, ``count`` times, or as often as ``ASK_LIMIT_S`` allow."""
    daemon, echo = Blocks([[]]), Blocks([[]])
    end = asyncio.get_running_loop().time() + ASK_LIMIT_S
    while len(echo.samples) < count and asyncio.get_running_loop().time() < end:
        for asked, mine in zip(await probe(pair, "/health", 1), (daemon, echo), strict=True):
            mine.turns[0] += asked.samples
    return daemon, echo
