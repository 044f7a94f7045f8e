"""Contexts: list, make, restart and end them."""

import contextlib
from http import HTTPStatus
from typing import Final

from aiohttp import web

from interpreterd.dialects.e2b.errors import answering, not_found, refusal
from interpreterd.dialects.e2b.requests import PYTHON, named, parse_create
from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.http.answers import json_response
from interpreterd.http.bodies import read_json
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import (
    ContextDeleted,
    ContextNotFound,
    DefaultContextKept,
    InvalidWorkingDirectory,
    WorkerStartFailed,
)
from interpreterd.model.requests import CreateContext

ASKED_CWD: Final = "e2b.cwd"
"""The key of metadata for a directory that a client has named and that does not exist."""


@answering
async def create_context(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Make a context. One whose directory does not exist begins in the daemon's, as it does at E2B."""
    cwd = parse_create(await read_json(request)).cwd
    try:
        try:
            info = await sandbox.service.create(CreateContext(cwd=cwd))
        except InvalidWorkingDirectory:
            info = await sandbox.service.create(CreateContext(metadata={ASKED_CWD: cwd or ""}))
    except WorkerStartFailed as error:
        raise refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"Failed to create context: {error}") from None
    return json_response(_body(info))


@answering
async def list_contexts(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """List all contexts: the default one, which E2B's clients find before its first use, then the others by age."""
    default = _described(DEFAULT_CONTEXT_ID, await sandbox.service.directory())
    infos = await sandbox.service.contexts(default=False)
    return json_response([default, *map(_body, infos)])


@answering
async def restart_context(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Give a context a new Python. The SDKs send an empty body as JSON."""
    context_id = request.match_info["id"]
    try:
        with contextlib.suppress(ContextNotFound) if named(context_id) is None else contextlib.nullcontext():
            await sandbox.service.restart(context_id)
    except ContextNotFound:
        raise not_found(context_id) from None
    except (WorkerStartFailed, ContextDeleted) as error:
        sentence = f"Failed to restart context {context_id}: {error}"
        raise refusal(HTTPStatus.INTERNAL_SERVER_ERROR, sentence) from None
    return json_response(None)


@answering
async def delete_context(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """End a context."""
    context_id = request.match_info["id"]
    try:
        await sandbox.service.delete(context_id)
    except ContextNotFound:
        raise not_found(context_id) from None
    except DefaultContextKept as error:
        raise refusal(HTTPStatus.BAD_REQUEST, f"Failed to remove context {context_id}: {error}") from None
    return json_response(None)


def _body(info: ContextInfo) -> dict[str, str]:
    return _described(info.id, info.metadata.get(ASKED_CWD, info.cwd))


def _described(context_id: str, cwd: str) -> dict[str, str]:
    return {"id": context_id, "language": PYTHON, "cwd": cwd}
