"""Forks and checkpoints of a context over plain HTTP."""

import asyncio
from typing import Final

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.requests import parse_metadata
from interpreterd.dialects.native.state_bodies import checkpoint_body, fork_body, restore_body
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.http.disconnect import when_gone
from interpreterd.http.fields import choice, flag, json_object, string, whole_number
from interpreterd.http.keys import SETTINGS
from interpreterd.model.checkpoints import CHECKPOINT_NAME_LIMIT_CHARS
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.forks import COPIES_LIMIT, ForkContext
from interpreterd.model.state_errors import OperationFailed

_FORK: Final = {"count", "metadata", "cwd", "strict"}


def parse_fork(value: object) -> ForkContext:
    """Return the request for copies. Raises ``MalformedRequest`` or ``InvalidRequest``."""
    body = json_object(value, "the body", _FORK)
    count = whole_number(body, "count") if "count" in body else 1
    if count is None or not 1 <= count <= COPIES_LIMIT:
        raise InvalidRequest(f"count must be a whole number from 1 to {COPIES_LIMIT}")
    directory = choice(body, "cwd", ("same", "copy"))
    return ForkContext(
        count=count,
        metadata=parse_metadata(body) if "metadata" in body else None,
        cwd="copy" if directory == "copy" else "same",
        strict=flag(body, "strict"),
    )


def parse_name(value: object, key: str, limit_chars: int) -> str:
    """Return the text of ``key``, which may be absent, of a body that may be empty."""
    name = string(json_object(value, "the body", {key}), key) or ""
    if len(name) > limit_chars:
        raise InvalidRequest(f"{key} must be at most {limit_chars} characters long")
    return name


async def fork_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Make copies of a context; see ``parse_fork``. A client that disconnects meanwhile gets none."""
    asked = parse_fork(await read_json(request))
    forking = asyncio.ensure_future(service.state.fork(request.match_info["id"], asked))
    try:
        with when_gone(request, forking.cancel, request.app[SETTINGS].heartbeat_s):
            await asyncio.wait([forking])
    finally:
        forking.cancel()
    if forking.cancelled():
        raise OperationFailed("the client has disconnected")
    return json_response(fork_body(forking.result()))


async def make_checkpoint(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Keep a stopped copy of a context."""
    name = parse_name(await read_json(request), "name", CHECKPOINT_NAME_LIMIT_CHARS)
    return json_response(checkpoint_body(await service.state.checkpoint(request.match_info["id"], name)))


async def list_checkpoints(service: ContextService, request: web.Request) -> web.StreamResponse:
    """List a context's checkpoints."""
    found = await service.state.checkpoints(request.match_info["id"])
    return json_response({"checkpoints": [checkpoint_body(it) for it in found]})


async def delete_checkpoint(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Forget a checkpoint."""
    await service.state.delete_checkpoint(request.match_info["id"], request.match_info["checkpoint"])
    return json_response({"message": "Checkpoint deleted successfully"})


async def restore_checkpoint(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Go back to a checkpoint."""
    checkpoint = parse_name(await read_json(request), "checkpoint", CHECKPOINT_NAME_LIMIT_CHARS)
    if not checkpoint:
        raise InvalidRequest("checkpoint must be the id or the name of a checkpoint")
    return json_response(restore_body(await service.state.restore(request.match_info["id"], checkpoint)))


async def undo_execution(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Go back before the last execution."""
    return json_response(restore_body(await service.state.undo(request.match_info["id"])))
