"""``POST /execute``: runs code, and answers with its events as they come."""

from typing import Final

import attrs
from aiohttp import web

from interpreterd.dialects.e2b.errors import answering, not_found
from interpreterd.dialects.e2b.events import render
from interpreterd.dialects.e2b.requests import parse_execute
from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.http.bodies import read_json
from interpreterd.http.connections import need_both_ways
from interpreterd.http.keys import SETTINGS
from interpreterd.http.streams import answer_with
from interpreterd.model import events
from interpreterd.model.errors import ContextNotFound
from interpreterd.model.names import NDJSON

KEEPALIVE: Final = b'{"type": "keepalive"}\n'
KEEPALIVE_S: Final = 5.0
PATIENT: Final = frozenset([events.Started, events.Queued, events.Restarted])


@answering
async def execute(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Run code; a client that ends its connection interrupts it."""
    asked = parse_execute(await read_json(request, request.app[SETTINGS].body_limit_bytes))
    if sandbox.envs:
        asked = attrs.evolve(asked, envs={**sandbox.envs, **asked.envs})
    try:
        submission = await sandbox.service.submit(asked)
    except ContextNotFound:
        raise not_found(str(asked.context_id)) from None
    del asked  # its code must not be kept for as long as its client reads
    try:
        need_both_ways(request)
        return await answer_with(
            request, NDJSON, submission, render, beat=KEEPALIVE, beat_s=KEEPALIVE_S, patient=PATIENT
        )
    finally:
        submission.stop()
