"""``python -m benchmarks.inside serve …``: the daemon, with a probe that tells how long anything held its event loop.

A timer asks for its turn every millisecond. What the loop's thread has computed since the turn before, user and system
time together, is what it did instead: no callback can have held it longer. Time in which other processes had the
processor does not count, so the figure holds on a busy machine.

``GET /held`` answers ``{"count", "p50", "p99", "max"}``, seconds since the last such request.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from aiohttp import web

TURN_S = 0.001


class Probe:
    """The timer, and what it saw."""

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
        """Answer, and begin anew."""
        held, self._held = sorted(self._held), []
        last = len(held) - 1
        body = {"count": len(held), "p50": held[last // 2], "p99": held[last * 99 // 100], "max": held[last]}
        return web.Response(body=orjson.dumps(body), content_type="application/json")


def probed(make_app: Callable[..., web.Application]) -> Callable[..., web.Application]:
    """Return ``make_app`` with a probe in what it makes."""

    def make(**keywords: Any) -> web.Application:
        app = make_app(**keywords)
        probe = Probe()
        app.cleanup_ctx.append(probe.run)
        app.router.add_get("/held", probe.tell)
        return app

    return make


def main() -> int:
    """Run the daemon's command line."""
    from interpreterd import __main__, daemon

    daemon.make_app = probed(daemon.make_app)  # type: ignore[attr-defined]
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
