"""Kernels over plain HTTP: list, make, show, interrupt, restart, end. A kernel is a context, whoever has made it."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from interpreterd.dialects.jupyter.hub import Hub
from interpreterd.dialects.jupyter.requests import SPEC_NAME, parse_new_kernel
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.http.timestamp import timestamp
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import DefaultContextKept, InvalidWorkingDirectory
from interpreterd.model.requests import CreateContext

AT_ONCE: Final = 128  # kernels; other requests have their turn in between


async def list_kernels(hub: Hub, request: web.Request) -> web.StreamResponse:
    """List all kernels, oldest first."""
    models = []
    for info in await hub.service.contexts():
        models.append(kernel_model(hub, info))
        if len(models) % AT_ONCE == 0:
            await asyncio.sleep(0)
    return json_response(models)


async def create_kernel(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Make a kernel; see ``parse_new_kernel``."""
    asked = parse_new_kernel(await read_json(request))
    info = await start_kernel(hub, asked.cwds, asked.envs)
    where = request.path.rstrip("/") + f"/{info.id}"
    return json_response(kernel_model(hub, info), status=HTTPStatus.CREATED, headers={"Location": where})


async def get_kernel(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Show a kernel: clients ask this way whether it lives."""
    return json_response(kernel_model(hub, await hub.service.get(request.match_info["id"])))


async def delete_kernel(hub: Hub, request: web.Request) -> web.StreamResponse:
    """End a kernel and every process that it started; the default context gets a new Python instead."""
    kernel_id = request.match_info["id"]
    try:
        await end_kernel(hub, kernel_id)
    except DefaultContextKept:
        await _restart(hub, kernel_id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def interrupt_kernel(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Interrupt what runs in a kernel."""
    info = await hub.service.get(request.match_info["id"])
    await hub.service.interrupt(info.id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def restart_kernel(hub: Hub, request: web.Request) -> web.StreamResponse:
    """Give a kernel a new Python; what runs and waits is over."""
    info = await hub.service.get(request.match_info["id"])
    await _restart(hub, info.id)
    return json_response(kernel_model(hub, await hub.service.get(info.id)))


async def _restart(hub: Hub, kernel_id: str) -> None:
    if (kernel := hub.find(kernel_id)) is not None:
        await kernel.restart()
    else:
        await hub.service.restart(kernel_id, cancel_queued=True)


async def end_kernel(hub: Hub, kernel_id: str) -> None:
    """End a kernel; its clients cannot come back. Raises as the port."""
    await hub.service.delete(kernel_id)
    if (kernel := hub.find(kernel_id)) is not None:
        hub.ended(kernel)


def kernel_model(hub: Hub, info: ContextInfo) -> dict[str, Any]:
    """Return a kernel as clients see it; they parse ``last_activity`` with microseconds and ``Z``."""
    return {
        "id": info.id,
        "name": SPEC_NAME,
        "last_activity": timestamp(info.last_used_at),
        # Clients do not know the state of a kernel that hibernates; for them it is as good as one that waits.
        "execution_state": "idle" if info.state == "hibernating" else info.state,
        "connections": hub.connections(info.id),
    }


async def start_kernel(hub: Hub, cwds: Sequence[str], envs: Mapping[str, str]) -> ContextInfo:
    """Return a new context, in the first of ``cwds`` that is a directory here. Raises as the port."""
    usual = await hub.service.directory() if cwds else ""
    for cwd in cwds:
        try:
            return await hub.service.create(CreateContext(cwd=os.path.join(usual, cwd), envs=envs))
        except InvalidWorkingDirectory:
            continue
    return await hub.service.create(CreateContext(envs=envs))
