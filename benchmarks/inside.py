"""``python inside.py serve …``: the daemon that this Python imports, with a probe inside.

The probe tells how long anything held the event loop. A timer asks for its turn every millisecond. The processor time
of the loop's thread since the previous turn, user and system time together, went into other callbacks: none can have
held it longer. Time in which other processes had the processor does not count, so the figure holds on a busy machine.

``GET /held`` answers ``{"count", "p50", "p99", "max"}``, seconds since the last such request.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

TURN_S = 0.001


class Probe:
    """The timer, and its measurements."""

    def __init__(self) -> None:
        self._held: list[float] = []

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """Watch the loop of ``app`` while it runs; for ``Application.cleanup_ctx``."""
        loop = asyncio.get_running_loop()
        before = time.thread_time()
        handle: asyncio.TimerHandle

        def turn() -> None:
            nonlocal before, handle
            now = time.thread_time()
            self._held.append(now - before)
            before = now
            handle = loop.call_later(TURN_S, turn)

        handle = loop.call_later(TURN_S, turn)
        yield
        handle.cancel()

    async def tell(self, request: web.Request) -> web.Response:
        """Answer, and start again."""
        held, self._held = sorted(self._held) or [0.0], []
        last = len(held) - 1
        body = {"count": len(held), "p50": held[last // 2], "p99": held[last * 99 // 100], "max": held[last]}
        return web.Response(body=orjson.dumps(body), content_type="application/json")


def probe_applications() -> None:
    """Put a probe into every application that is going to be served.

    Where aiohttp takes it, and not where the daemon makes it: that place is another one from one version to the next.
    """
    take = web.AppRunner.__init__

    def take_and_probe(self: web.AppRunner, app: web.Application, **keywords: Any) -> None:
        probe = Probe()
        app.cleanup_ctx.append(probe.run)
        app.router.add_get("/held", probe.tell)
        take(self, app, **keywords)

    web.AppRunner.__init__ = take_and_probe  # type: ignore[method-assign]


def main() -> int:
    """Run the daemon's command line."""
    probe_applications()
    from interpreterd.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
