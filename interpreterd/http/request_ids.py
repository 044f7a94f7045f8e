"""Every request has an id, under which logs, the audit log and traces name it; its answer has it, too.

A client may choose it: ``X-Request-Id``. ``traceparent`` and ``tracestate``, W3C Trace Context, are taken with it.
"""

import itertools
import os
import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web

from interpreterd.http.peers import client_address
from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.identity import CURRENT, NOBODY_ASKED
from interpreterd.monitoring.counts import COUNTS
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.tracers import Tracer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID: Final = "X-Request-Id"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
TRACESTATE_LIMIT_CHARS: Final = 512  # what every vendor has to pass on
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:/+=@,-]{0,127}").fullmatch
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_TRACESTATE: Final = re.compile(r"[\x20-\x7e]+").fullmatch
_OURS: Final = os.urandom(6).hex() + "-"  # of this process; a number follows, as no one has to guess it
_numbers: Final = itertools.count(1)
_METHODS: Final = hdrs.METH_ALL


def begin(request: web.Request) -> ClientRequest:
    """Give a request its id: what its task does is done for it, until the next request on its connection begins."""
    caller = caller_of(request)
    CALLER.set(caller)
    CURRENT.set(NOBODY_ASKED)  # who asks is found later: until then, it is not who asked before on this connection
    return caller


async def traced(tracer: Tracer, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request that has begun, within a span of ``tracer``."""
    caller = CALLER.get()
    assert caller is not None
    with tracer.request(request.method, request.path, caller) as span:
        response = await handler(request)
        span.answered(_route(request), response.status)
        return response


def count_answer(request: web.Request, status: int) -> None:
    """Count the answer to a request."""
    COUNTS.requests[request.method if request.method in _METHODS else "other", status] += 1


async def add_request_id(request: web.Request, response: web.StreamResponse) -> None:
    """Name the request in its answer; for ``Application.on_response_prepare``."""
    if (caller := CALLER.get()) is not None:
        response.headers[REQUEST_ID] = caller.request_id


def caller_of(request: web.Request) -> ClientRequest:
    """Return what the headers of ``request`` say of it; a wrong header counts as a missing one."""
    headers = request.headers
    request_id = headers.get(REQUEST_ID)
    if request_id is None or _ID(request_id) is None:
        request_id = f"{_OURS}{next(_numbers):x}"
    traceparent = headers.get(TRACEPARENT)
    address = client_address(request) if HAPPENINGS.sinks else ""
    if traceparent is None or _TRACEPARENT(traceparent) is None:
        return ClientRequest(request_id, address=address)
    tracestate = ",".join(headers.getall(TRACESTATE, ()))
    if len(tracestate) > TRACESTATE_LIMIT_CHARS or _TRACESTATE(tracestate) is None:
        tracestate = ""
    return ClientRequest(request_id, traceparent, tracestate, address)


def _route(request: web.Request) -> str:
    """Return the pattern of the route, which has no ids in it; empty without a route."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
