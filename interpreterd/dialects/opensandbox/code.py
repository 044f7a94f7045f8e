"""Code: to run it, and to interrupt it."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.opensandbox.errors import MISSING_QUERY, refused
from interpreterd.dialects.opensandbox.frames import Frames, separated
from interpreterd.dialects.opensandbox.requests import parse_run
from interpreterd.http.bodies import read_json
from interpreterd.http.connections import need_both_ways
from interpreterd.http.keys import SETTINGS
from interpreterd.http.streams import answer_with
from interpreterd.model.errors import ExecutionNotFound
from interpreterd.model.names import EVENT_STREAM

PING_S: Final = 3.0


async def run_code(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Run code; a client that ends its connection interrupts it."""
    asked = parse_run(await read_json(request, request.app[SETTINGS].body_limit_bytes))
    submission = await service.submit(asked)
    del asked  # its code must not be kept for as long as its client reads
    return await answer_with_frames(request, submission, Frames(submission.execution_id))


async def answer_with_frames(request: web.Request, submission: Submission, frames: Frames) -> web.StreamResponse:
    """Answer with the frames of ``submission``, and then stop it."""
    try:
        need_both_ways(request)
        return await answer_with(
            request, EVENT_STREAM, submission, frames.render, frame=separated, beat=frames.beat, beat_s=PING_S
        )
    finally:
        submission.stop()


async def interrupt_code(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Interrupt an execution, or what runs in a context: ``?id=`` is the id of either. One that has ended stays so."""
    asked = request.query.get("id")
    if not asked:
        return refused(HTTPStatus.BAD_REQUEST, MISSING_QUERY, "missing query parameter 'id'")
    try:
        context_id = (await service.execution(asked)).context_id
    except ExecutionNotFound:
        await service.interrupt(asked)
    else:
        await service.interrupt(context_id, asked)
    return web.Response()
