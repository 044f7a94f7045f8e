"""The keys under which the application carries its parts."""

import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from interpreterd.http.settings import HttpSettings
from interpreterd.monitoring.scraping import Metrics

METRICS = web.AppKey("METRICS", Metrics)
SETTINGS = web.AppKey("SETTINGS", HttpSettings)
Judge = Callable[[socket.socket], str | None]
JUDGE: web.AppKey[Judge] = web.AppKey("JUDGE")
"""Returns why the client of a new connection may not use the daemon; None if it may."""
RELOADS: web.AppKey[list[Callable[[], Awaitable[None]]]] = web.AppKey("RELOADS", list)
"""What to do when the daemon is told to read its files again: SIGHUP."""
BOUND: web.AppKey[list[str]] = web.AppKey("BOUND", list)
"""Where the daemon listens: ``HOST:PORT`` with an address and its real port, or ``unix:PATH``; grows at its start."""
