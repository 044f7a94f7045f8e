"""What the daemon keeps of large answers whose clients leave in the middle of them."""

import asyncio
import json
import socket
import struct
from typing import Final

from benchmarks import proc
from benchmarks.bench import Bench
from benchmarks.client import PREFIX, Client
from benchmarks.report import Row, mb
from benchmarks.servers import Server

BUFFER_BYTES: Final = 1 << 12  # the client's own: SO_RCVBUF, socket(7)
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER, socket(7)
RAISED: Final = 60  # exceptions, which a listing of executions shows
RAISE: Final = "raise ValueError('x' * 190_000)"
OUTPUT_BYTES: Final = 10_000_000
WARMING: Final = 4  # answers that are left before the first look
JOURNALS: Final = ("--journal-bytes", "1M", "--journals-total-bytes", "32M")
LIMIT_BYTES: Final = 16e6


async def aborted(bench: Bench) -> list[Row]:
    """Measure the RSS after answers that were left in the middle, against that before; n = 20, or 80 in a full run."""
    count = 20 if bench.scale.quick else 80
    rows = []
    async with bench.daemon(*JOURNALS, "--pool-size", "0") as (server, client):
        context = await client.create()
        run = _request("POST", "/execute", {"code": f"print('x' * {OUTPUT_BYTES})", "contextId": context})
        for _ in range(40):  # the journals are full then, and grow no more
            await client.output("print('x' * (1 << 20))", context)
        rows.append(await _row(server, "`POST /execute`, 10 MB", run, OUTPUT_BYTES, count))
        for _ in range(RAISED):
            await _raise(client, context)
        listing = f"/context/{context}/executions"
        async with client.http.get(client.url + PREFIX + listing) as response:
            size = len(await response.read())
        rows.append(await _row(server, "a listing of executions", _request("GET", listing), size, count))
    return rows


async def _row(server: Server, what: str, request: bytes, size: int, count: int) -> Row:
    for _ in range(WARMING):
        await _ask_and_leave(server, request)
    await proc.settled(server.pid)
    before = proc.rss(server.pid)
    for _ in range(count):
        await _ask_and_leave(server, request)
    await proc.settled(server.pid)
    grown = proc.rss(server.pid) - before
    return Row(
        figure="aborted",
        what=f"RSS after {count} clients left in the middle of their answers ({what}), more than before",
        target=f"≤ {mb(LIMIT_BYTES)}",
        measured=mb(max(grown, 0)),
        reference=f"an answer {mb(size)}, all answers {mb(size * count)}; before {mb(before)}",
        met=grown <= LIMIT_BYTES,
        value=max(grown, 0),
        unit="bytes",
        references={"all answers": size * count, "before": before},
        values={"rss_bytes_grown": grown, "rss_bytes_before": before, "answer_bytes": size, "answers": count},
    )


async def _raise(client: Client, context: str) -> None:
    body = {"code": RAISE, "contextId": context}
    async with client.http.post(f"{client.url}{PREFIX}/execute", json=body) as response:
        response.raise_for_status()
        await response.read()


def _request(method: str, path: str, body: object = None) -> bytes:
    content = "" if body is None else json.dumps(body)
    head = f"{method} {PREFIX}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}"
    return f"{head}\r\n\r\n{content}".encode()


async def _ask_and_leave(server: Server, request: bytes) -> None:
    """Take the first bytes of an answer, then end the connection by a reset."""
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    reader, writer = await asyncio.open_connection(sock=sock, limit=1)
    writer.write(request)
    await reader.read(1)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
