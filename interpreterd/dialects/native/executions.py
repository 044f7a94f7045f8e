"""Executions over plain HTTP: start one, look it up, interrupt it, follow it or a whole context."""

from collections.abc import Mapping
from typing import Any, Final

import attrs
from aiohttp import hdrs, web

from interpreterd.contexts.executions import Execution
from interpreterd.contexts.journal import Follower
from interpreterd.dialects.native.collected import Collected
from interpreterd.dialects.native.events import render, render_happened
from interpreterd.http.answers import ids_after, json_response, listing_response
from interpreterd.http.bodies import choose_form, query_flag, read_json, with_digest
from interpreterd.http.connections import need_both_ways
from interpreterd.http.disconnect import when_gone
from interpreterd.http.keys import MANAGER, SETTINGS
from interpreterd.http.streams import Render, answer_with, follow
from interpreterd.model.errors import ExecutionNotFound, MalformedRequest
from interpreterd.model.events import Event, Output
from interpreterd.model.names import EVENT_STREAM, JSON, NDJSON
from interpreterd.model.requests import Execute

LISTED_LIMIT: Final = 100
NUMBER_LIMIT_DIGITS: Final = 15  # no journal gets that far


async def post_execution(request: web.Request) -> web.StreamResponse:
    """Run code; see ``requests.Execute``. Answer with one object, with events as they come, or at once."""
    # Only the client that started an execution may answer ``input()``, and this client sends nothing more.
    wish = Execute.parse(await read_json(request, request.app[SETTINGS].body_limit_bytes))
    wish = attrs.evolve(await with_digest(wish), stdin=False)
    form = choose_form(request, (JSON,) if wish.background else (JSON, NDJSON, EVENT_STREAM))
    context, execution = request.app[MANAGER].submit(wish, client=not wish.background)
    if wish.background:
        url = f"{request.path.removesuffix('/execute')}/executions/{execution.id}"
        return json_response({**execution.to_json(), "url": url}, status=202, headers={hdrs.LOCATION: url})
    stays = wish.stays
    del wish  # its code must not be kept for as long as its client reads
    try:
        if not stays:
            need_both_ways(request)
        follower = execution.journal.client
        if form == JSON:
            return await _collect(request, execution, follower)
        return await answer_with(request, form, follower, _render(execution))
    finally:
        if not (stays or execution.ended):
            context.interrupt(execution.id)


async def get_execution(request: web.Request) -> web.StreamResponse:
    """Show one execution."""
    return json_response(_execution(request).to_json())


async def list_executions(request: web.Request) -> web.StreamResponse:
    """Show a context's executions: the running one, the waiting ones, then the ended ones, the latest first."""
    manager = request.app[MANAGER]
    context = manager.existing(request.match_info["id"])
    executions = [*context.transcript.unfinished(), *manager.executions.latest(context.id)]
    ids = ids_after(request, [execution.id for execution in executions], ExecutionNotFound)

    def show(execution_id: str) -> Mapping[str, Any] | None:
        execution = manager.executions.get(execution_id)
        return None if execution is None else execution.to_json()  # None: forgotten since

    return listing_response("executions", ids, show, limit=LISTED_LIMIT)


async def interrupt_execution(request: web.Request) -> web.StreamResponse:
    """Interrupt a running execution, or take a waiting one out of the queue; without effect for an ended one."""
    execution = _execution(request)
    did = "idle"
    if not execution.ended:
        did = request.app[MANAGER].existing(execution.context_id).interrupt(execution.id)
    return json_response({"interrupted": did != "idle", "did": did, "executionId": execution.id})


async def restart_context(request: web.Request) -> web.StreamResponse:
    """Give a context a new worker; report which executions that has ended."""
    context = request.app[MANAGER].existing(request.match_info["id"])
    unfinished = context.transcript.unfinished()
    await context.restart(cancel_queued=query_flag(request, "cancelQueued"))
    ended = {state: [it.id for it in unfinished if it.state == state] for state in ("lost", "cancelled")}
    return json_response({**context.info().to_json(), **ended})


async def follow_execution(request: web.Request) -> web.StreamResponse:
    """Send an execution's events from a number on, past and future ones, up to its end."""
    execution = _execution(request)
    return await follow(request, execution.journal, _start(request, 0), _render(execution))


async def follow_context(request: web.Request) -> web.StreamResponse:
    """Send a context's events, from now or from a number on, up to its end."""
    feed = request.app[MANAGER].existing(request.match_info["id"]).transcript.feed
    return await follow(request, feed, _start(request, feed.next), render_happened)


def _execution(request: web.Request) -> Execution:
    execution_id = request.match_info["id"]
    execution = request.app[MANAGER].executions.get(execution_id)
    if execution is None:
        raise ExecutionNotFound(execution_id)
    return execution


def _render(execution: Execution) -> Render[Event]:
    ids = {"executionId": execution.id}
    return lambda number, event: render(number, event, ids)


def _start(request: web.Request, default: int) -> int:
    """Return the number of the first event that the client wants: ``from``, or the one after its last event."""
    text = request.query.get("from")
    start = default if text is None else _number("from", text)
    last = request.headers.get("Last-Event-ID")  # an EventSource that reconnects still has ``from`` in its URL
    return start if last is None else _number("Last-Event-ID", last) + 1


def _number(what: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_LIMIT_DIGITS):
        raise MalformedRequest(f"{what} must be the number of an event")
    return int(text)


async def _collect(request: web.Request, execution: Execution, follower: Follower[Event]) -> web.StreamResponse:
    """Return all output of an execution, once it has ended, or the output so far when its client disconnects."""
    collected = Collected()
    try:
        with when_gone(request, follower.stop, request.app[SETTINGS].heartbeat_s):
            async for _, event in follower:
                if isinstance(event, Output):
                    collected.add(event)
    finally:
        follower.stop()
    return collected.answer(execution)
