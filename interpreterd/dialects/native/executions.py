"""Executions over plain HTTP: start one, look it up, interrupt it, follow it or a whole context."""

from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.native.bodies import execution_body
from interpreterd.dialects.native.calls import check_form
from interpreterd.dialects.native.collected import Collected
from interpreterd.dialects.native.errors import closing_after
from interpreterd.dialects.native.events import render, render_happened
from interpreterd.dialects.native.execute_socket import SDK_SUBPROTOCOL
from interpreterd.dialects.native.operations import parse_message, parse_text
from interpreterd.dialects.native.requests import parse_execute
from interpreterd.http.answers import json_response, listing_response
from interpreterd.http.bodies import choose_form, read_json
from interpreterd.http.closing import NORMAL, Closing
from interpreterd.http.connections import need_both_ways
from interpreterd.http.disconnect import when_gone
from interpreterd.http.keys import SETTINGS
from interpreterd.http.streams import Render, answer_with, follow
from interpreterd.model.errors import MalformedRequest, ServerShuttingDown
from interpreterd.model.events import Event
from interpreterd.model.names import EVENT_STREAM, JSON, NDJSON

LISTED_LIMIT: Final = 100
NUMBER_LIMIT_DIGITS: Final = 15  # no journal gets that far


async def post_execution(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Run code; see ``parse_execute``. Answer with one object, with events as they come, or at once."""
    asked = parse_execute(await read_json(request, request.app[SETTINGS].body_limit_bytes))
    form = choose_form(request, (JSON,) if asked.background else (JSON, NDJSON, EVENT_STREAM))
    if not asked.background:
        check_form(asked.execute.functions, form)
    else:
        info = await service.submit_unattended(asked.execute)
        url = f"{request.path.removesuffix('/execute')}/executions/{info.id}"
        return json_response({**execution_body(info), "url": url}, status=202, headers={hdrs.LOCATION: url})
    # A client of events can be asked, and answers by ``answer_input``.
    submission = await service.submit(asked.execute, answers=form != JSON)
    stays = asked.execute.stays
    del asked  # its code must not be kept for as long as its client reads
    try:
        if not stays:
            need_both_ways(request)
        if form == JSON:
            return await _collect(request, submission)
        return await answer_with(request, form, submission, _rendered(submission.execution_id))
    finally:
        submission.stop()


async def get_execution(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show one execution."""
    return json_response(execution_body(await service.execution(request.match_info["id"])))


async def list_executions(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show a context's executions: the running one, the waiting ones, then the ended ones, the latest first."""
    infos = await service.executions(request.match_info["id"], after=request.query.get("after"))
    return listing_response("executions", ((info.id, execution_body(info)) for info in infos), limit=LISTED_LIMIT)


async def interrupt_execution(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Interrupt a running execution, or take a waiting one out of the queue; without effect for an ended one."""
    info = await service.execution(request.match_info["id"])
    did = "idle" if info.ended else await service.interrupt(info.context_id, info.id)
    return json_response({"interrupted": did != "idle", "did": did, "executionId": info.id})


async def answer_input(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Answer the question of an execution."""
    text = parse_text(parse_message(await read_json(request, request.app[SETTINGS].body_limit_bytes)))
    info = await service.execution(request.match_info["id"])
    did = "accepted" if await service.answer(info.id, text) else "idle"
    return json_response({"did": did, "executionId": info.id})


async def follow_execution(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Send an execution's events from a number on, past and future ones, up to its end."""
    execution_id = request.match_info["id"]
    events = await service.follow_execution(execution_id, _start(request) or 0)
    render = _rendered(execution_id)
    return await follow(request, events, render, closing=_closing(service), subprotocol=SDK_SUBPROTOCOL)


async def follow_context(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Send a context's events, from now or from a number on, up to its end."""
    events = await service.follow_context(request.match_info["id"], _start(request))
    return await follow(request, events, render_happened, closing=_closing(service), subprotocol=SDK_SUBPROTOCOL)


def _closing(service: ContextService) -> Callable[[], Closing]:
    return lambda: closing_after(ServerShuttingDown()) if service.closing else NORMAL


def _rendered(execution_id: str) -> Render[Event]:
    ids = {"executionId": execution_id}
    return lambda number, event: render(number, event, ids)


def _start(request: web.Request) -> int | None:
    """Return the number of the first event that the client wants: ``from``, one after its last event, or None."""
    text = request.query.get("from")
    start = None if text is None else _number("from", text)
    last = request.headers.get("Last-Event-ID")  # an EventSource that reconnects still has ``from`` in its URL
    return start if last is None else _number("Last-Event-ID", last) + 1


def _number(what: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_LIMIT_DIGITS):
        raise MalformedRequest(f"{what} must be the number of an event")
    return int(text)


async def _collect(request: web.Request, submission: Submission) -> web.StreamResponse:
    """Return all output of an execution, once it has ended, or the output so far when its client disconnects."""
    collected = Collected()
    with when_gone(request, submission.stop, request.app[SETTINGS].heartbeat_s):
        async for _, event in submission:
            collected.add(event)
    return collected.answer(submission.execution_id, submission.context_id)
