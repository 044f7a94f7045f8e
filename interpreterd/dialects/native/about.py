"""The daemon itself: whether it is alive, and its versions."""

import asyncio
import platform
from typing import Final

from aiohttp import web

from interpreterd import __version__
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.isolation import possible_body
from interpreterd.http.answers import json_response
from interpreterd.model.errors import InterpreterError, WorkerStartFailed

ISOLATION_WAIT_S: Final = 3.0


async def health(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Answer as long as the daemon is alive; tell which isolation this machine can give, once that is known.

    The first request waits for that, but only a moment.
    """
    try:
        async with asyncio.timeout(ISOLATION_WAIT_S):
            possible = await service.isolation()
    except (InterpreterError, TimeoutError):
        return json_response({"status": "ok"})
    return json_response({"status": "ok", "isolation": possible_body(possible)})


async def version(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Name the daemon's version, its Python, and the workers' interpreter or the reason why there is none."""
    worker: dict[str, str]
    try:
        python = await service.python()
        worker = {"executable": python.executable, "python": python.version}
    except WorkerStartFailed as error:
        worker = {"error": str(error)}
    return json_response({"version": __version__, "python": platform.python_version(), "worker": worker})
