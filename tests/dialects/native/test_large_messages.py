"""The daemon frees a large WebSocket message after handling it, even if the client then sends nothing more."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from fake_worker import FakeLauncher
from kept import kept_bytes
from leaving import holds

from interpreterd.app import MANAGER
from interpreterd.model.names import NATIVE_PATH

LARGE_CHARS = 4 << 20
KEPT_LIMIT_BYTES = 1 << 20


@pytest.mark.parametrize("path", ["/session", "/execute", "/context/default/events"])
async def test_a_silent_client_keeps_no_memory(
    open_client: Callable[..., Awaitable[Any]], launcher: FakeLauncher, path: str
) -> None:
    client = await open_client()
    client.app[MANAGER].get(None)
    async with client.ws_connect(NATIVE_PATH + path, autoping=False) as socket:
        if path == "/execute":
            await socket.send_json({"code": "pass"})
            await (await launcher.worker()).run()
        with kept_bytes() as kept:
            message = {"op": "input", "requestId": "i", "executionId": "x", "text": "x" * LARGE_CHARS}
            await socket.send_str(json.dumps(message))
            del message
            await socket.ping()  # the pong shows that the daemon has received the message
            while (await socket.receive()).type is not aiohttp.WSMsgType.PONG:
                pass
            await holds(lambda: kept() < KEPT_LIMIT_BYTES)
