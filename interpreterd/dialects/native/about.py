"""The daemon itself: whether it is alive, and its versions."""

import platform

from aiohttp import web

from interpreterd import __version__
from interpreterd.contexts.service import ContextService
from interpreterd.http.answers import json_response
from interpreterd.model.errors import WorkerStartFailed


async def health(request: web.Request) -> web.StreamResponse:
    """Answer as long as the daemon is alive."""
    return json_response({"status": "ok"})


async def version(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Name the daemon's version, its Python, and the workers' interpreter or the reason why there is none."""
    worker: dict[str, str]
    try:
        python = await service.python()
        worker = {"executable": python.executable, "python": python.version}
    except WorkerStartFailed as error:
        worker = {"error": str(error)}
    return json_response({"version": __version__, "python": platform.python_version(), "worker": worker})
