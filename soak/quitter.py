"""A client that asks for much and takes little of it: it disconnects within an answer, or stays and reads nothing."""

import asyncio
import random
import time

import aiohttp
from harness import PREFIX
from leaving import Asker, get, post, upgrade

from soak.watch import Watched

HEARTBEAT_S = 12.0  # of the daemon
LET_GO_S = 20.0  # when the daemon certainly has ended the connection of a client that reads nothing
HELD = 4
REST_LIMIT_S = 5.0
PAUSE_S = 0.3
OUTPUT = "print('x' * 6_000_000)"  # more than the kernel buffers
LINES = "for _ in range(100): print('x' * 60_000)"
Held = tuple[float, str, Asker]


class Quitter:
    """Asks in a context of its own, on a new connection for each request."""

    def __init__(self, it: Watched, chooser: random.Random) -> None:
        self._it = it
        self._random = chooser
        self._held: list[Held] = []

    async def act_until(self, until: float) -> None:
        """Ask again and again; then close the connections that it still holds."""
        context = None
        try:
            while time.monotonic() < until:
                await asyncio.sleep(self._random.uniform(0, 2 * PAUSE_S))
                if context is None:
                    _, body = await self._it.client.request("POST", "/context")
                    context = body.get("id")
                elif len(self._held) < HELD and self._random.random() < 0.3:
                    await self._hold()
                else:
                    await self._leave(context)
                await self._judge()
        except (OSError, aiohttp.ClientError) as error:
            self._it.phase.expect(False, f"a client that leaves in the middle failed: {error!r}")
        finally:
            for _, _, asker in self._held:
                asker.leave()

    async def _leave(self, context: str) -> None:
        wish = {"code": self._random.choice((OUTPUT, LINES)), "contextId": context}
        requests = {
            "execute, JSON": post(f"{PREFIX}/execute", wish),
            "execute, NDJSON": post(f"{PREFIX}/execute", wish, "NDJSON"),
            "execute, SSE": post(f"{PREFIX}/execute", wish, "SSE"),
            "execute, WebSocket": upgrade(f"{PREFIX}/execute", wish),
            "feed": get(f"{PREFIX}/context/{context}/events?from=0", "NDJSON"),
            "executions": get(f"{PREFIX}/context/{context}/executions") * 30,
        }
        name = self._random.choice(list(requests))
        asker = await asyncio.to_thread(Asker, self._it.daemon.url, requests[name])
        if self._random.random() < 0.8:  # or before there is an answer
            await asyncio.to_thread(asker.begun)
        asker.leave()
        self._it.phase.count("faults", f"client left in mid-answer ({name})")

    async def _hold(self) -> None:
        name, request = self._random.choice(
            (("openapi.json", get("/openapi.json") * 60), ("contexts", get(f"{PREFIX}/contexts") * 400))
        )
        asker = await asyncio.to_thread(Asker, self._it.daemon.url, request)
        self._held.append((time.monotonic(), name, asker))
        self._it.phase.count("faults", f"client reads nothing ({name})")

    async def _judge(self) -> None:
        """Check the connections that have read nothing for long: the daemon must have ended them."""
        while self._held and self._held[0][0] + LET_GO_S < time.monotonic():
            _, name, asker = self._held.pop(0)
            asker.socket.settimeout(REST_LIMIT_S)
            try:
                await asyncio.to_thread(asker.rest)
                self._it.phase.count("let go", f"a client that reads nothing ({name})")
            except TimeoutError:
                asker.leave()
                self._it.phase.expect(False, f"a client that reads nothing is waited for ({name})")
