"""The floor of an execution: a bare aiohttp WebSocket server on uvloop that sends each message back.

``/cycle`` answers one message and closes, ``/echo`` answers until the client goes, ``/health`` is a GET. ``/execute``
and ``/contexts`` are E2B's. Settings are the daemon's: no compression, no access log, the same backlog and limit.
"""

import asyncio
import os
import signal
import sys

import orjson
import uvloop
from aiohttp import WSMsgType, web

MESSAGE_LIMIT = 16 << 20
BACKLOG = 1024


def _socket() -> web.WebSocketResponse:
    return web.WebSocketResponse(max_msg_size=MESSAGE_LIMIT, compress=False)


async def cycle(request: web.Request) -> web.WebSocketResponse:
    """Send one message back, then close."""
    socket = _socket()
    await socket.prepare(request)
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        await socket.send_str(message.data)
    await socket.close()
    return socket


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send every message back."""
    socket = _socket()
    await socket.prepare(request)
    while (message := await socket.receive()).type is WSMsgType.TEXT:
        await socket.send_str(message.data)
    return socket


async def health(request: web.Request) -> web.Response:
    """Answer as the daemon does."""
    return web.Response(body=orjson.dumps({"status": "ok"}), content_type="application/json")


async def e2b_execute(request: web.Request) -> web.StreamResponse:
    """Answer like E2B's server, but run nothing."""
    await request.json()
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    await response.write(b'{"type":"number_of_executions","execution_count":1}\n{"type":"end_of_execution"}\n')
    return response


async def e2b_create(request: web.Request) -> web.Response:
    """Answer as if there were a new context."""
    await request.json()
    context = {"id": "550e8400-e29b-41d4-a716-446655440000", "language": "python", "cwd": "/"}
    return web.Response(body=orjson.dumps(context), content_type="application/json")


async def e2b_remove(request: web.Request) -> web.Response:
    """Answer as if a context had ended."""
    return web.Response(body=b"null", content_type="application/json")


async def serve() -> None:
    """Serve until stdin ends or SIGTERM comes."""
    app = web.Application(client_max_size=MESSAGE_LIMIT)
    app.add_routes([web.get("/cycle", cycle), web.get("/echo", echo), web.get("/health", health)])
    app.add_routes([web.post("/execute", e2b_execute), web.post("/contexts", e2b_create)])
    app.add_routes([web.delete("/contexts/{id}", e2b_remove)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
    print(orjson.dumps({"port": runner.addresses[0][1], "pid": os.getpid()}).decode(), flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    try:
        await ended.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
