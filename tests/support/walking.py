"""All routes of all dialects, for tests that walk them, and the forms of their errors."""

import json
import re
from collections.abc import Iterator

import aiohttp
from attrs import evolve, frozen

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.late import LateDialect
from interpreterd.dialects.native.routes import Native
from interpreterd.dialects.settings import NAMES

RPCS = {"/filesystem.Filesystem/": ("ListDir", "Remove", "Watch"), "/process.Process/": ("Start", "List", "SendSignal")}
NO_SERVICE: ContextService = None  # type: ignore[assignment]


@frozen
class Route:
    """A route of a dialect, with unknown ids and names in its path.

    Attributes:
        runs_empty: Whether an empty object asks it to do something, in a worker.
    """

    dialect: str
    method: str
    path: str
    head: bool
    upload: bool
    runs_empty: bool = False


def routes(name: str) -> Iterator[Route]:
    """Yield the routes of a dialect."""
    if name == "native":
        for it in Native().routes(NO_SERVICE):
            yield Route(
                name, it.method, filled(it.path), it.kwargs.get("allow_head", True), "expect_handler" in it.kwargs
            )
    else:
        for late in LateDialect(name, lambda _: NO_SERVICE).table().routes:
            route = Route(name, late.method, filled(late.path), late.head, late.upload)
            yield route
            for rpc in RPCS.get(route.path.removesuffix("unknown"), ()):
                yield evolve(route, path=route.path.removesuffix("unknown") + rpc, runs_empty=True)


def filled(path: str) -> str:
    return re.sub(r"\{[^{}]*(\{[^{}]*\})?[^{}]*\}", "unknown", path)


def in_form(name: str, response: aiohttp.ClientResponse, body: bytes) -> None:
    """Fail unless ``body`` is an error in the form of a dialect."""
    assert body, "an empty body"
    text = body.decode()
    assert "Traceback" not in text
    if name == "e2b" and response.content_type == "text/plain":
        return
    told = json.loads(text)
    keys = {
        "native": {"error", "code"},
        "jupyter": {"message"},
        "e2b": {"detail"} if "detail" in told else {"code", "message"},
        "opensandbox": {"code", "message"},
    }[name]
    assert keys <= set(told), told
    assert all(told[key] for key in keys)


def shared(path: str) -> bool:
    """Return whether several dialects have a route at ``path``."""
    return sum(any(route.path == path for route in routes(name)) for name in NAMES) > 1


def answered_by(name: str, route: Route) -> str:
    """Return the dialect that answers without headers of a client: the first one that has the path."""
    return next(it for it in NAMES if any(other.path == route.path for other in routes(it)))
