"""Whether the daemon lives, and whether it takes new work: for supervisors and load balancers."""

import os
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Literal

from aiohttp import web
from attrs import define

from interpreterd.http.answers import json_response
from interpreterd.http.errors import RETRY_SOON
from interpreterd.model.names import HEALTH_PATHS


@define
class Readiness:
    """The daemon's phase, as clients see it.

    Attributes:
        state: ``starting`` until it listens everywhere; ``draining`` once it takes no new work.
    """

    state: Literal["starting", "ready", "draining"] = "starting"


READINESS: Final = web.AppKey("READINESS", Readiness)


def routes(base_path: str) -> Iterable[web.RouteDef]:
    """Return the routes, which every daemon has, whatever APIs it serves."""
    _, live, ready = HEALTH_PATHS
    for base in {"": None, base_path: None}:
        yield web.get(base + live, _live)
        yield web.get(base + ready, _ready)


async def _live(request: web.Request) -> web.StreamResponse:
    """Answer as long as the event loop runs."""
    return json_response({"status": "ok"})


async def _ready(request: web.Request) -> web.StreamResponse:
    """Answer 200 while new work is taken, and 503 otherwise; the pid says which daemon has answered."""
    state = request.app[READINESS].state
    body = {"status": state, "pid": os.getpid()}
    if state == "ready":
        return json_response(body)
    return json_response(body, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=RETRY_SOON)
