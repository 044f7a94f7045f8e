"""The kinds of kernels: there is one, Python."""

from typing import Any

from aiohttp import web

from interpreterd.dialects.jupyter.hub import Hub
from interpreterd.dialects.jupyter.logos import LOGOS
from interpreterd.dialects.jupyter.requests import SPEC_NAME
from interpreterd.http.answers import json_response
from interpreterd.model.errors import WorkerStartFailed


async def list_specs(hub: Hub, request: web.Request) -> web.StreamResponse:
    """List the one kind."""
    below = request.path.removesuffix("/api/kernelspecs")
    return json_response({"default": SPEC_NAME, "kernelspecs": {SPEC_NAME: await _spec(hub, below)}})


async def get_spec(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Show one kind."""
    name = request.match_info["name"]
    if name != SPEC_NAME:
        raise web.HTTPNotFound
    return json_response(await _spec(hub, request.path.removesuffix(f"/api/kernelspecs/{name}")))


async def get_resource(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Send a logo."""
    name, file = request.match_info["name"], request.match_info["file"]
    if name != SPEC_NAME or file not in LOGOS:
        raise web.HTTPNotFound
    kind, data = LOGOS[file]
    return web.Response(body=data, content_type=kind, headers={"Cache-Control": "max-age=3600"})


async def _spec(hub: Hub, below: str) -> dict[str, Any]:
    try:
        python = await hub.service.python()
        executable, version = python.executable, ".".join(python.version.split(".")[:2])
    except WorkerStartFailed:
        executable, version = "python3", "3"
    return {
        "name": SPEC_NAME,
        "spec": {
            "argv": [executable, "-m", "interpreterd"],
            "env": {},
            "display_name": f"Python {version} (interpreterd)",
            "language": "python",
            "interrupt_mode": "message",
            "metadata": {},
        },
        "resources": {file.partition(".")[0]: f"{below}/kernelspecs/{SPEC_NAME}/{file}" for file in LOGOS},
    }
