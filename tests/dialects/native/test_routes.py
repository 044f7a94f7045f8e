"""The native dialect has exactly the routes of openapi.json and asyncapi.json, each with its own handler."""

from collections import Counter
from typing import Any, cast

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.errors import error_answer
from interpreterd.dialects.native.routes import Native
from interpreterd.model.errors import LimitReached

ROUTES = [cast("web.RouteDef", it) for it in Native().routes(cast("ContextService", None))]


def test_no_two_routes_share_a_method_and_path() -> None:
    assert Counter((it.method, it.path) for it in ROUTES).most_common(1)[0][1] == 1


def test_no_two_routes_share_a_handler() -> None:
    handlers: list[Any] = [it.handler for it in ROUTES]
    assert len(set(handlers)) == len(handlers)


def test_what_streams_or_upgrades_answers_no_head() -> None:
    silent = {it.path.rpartition("/")[2] for it in ROUTES if it.kwargs.get("allow_head") is False}
    assert silent == {"events", "execute", "metrics", "session"}


def test_it_shows_errors_by_its_own_table() -> None:
    error = LimitReached("no more")
    assert Native().show(error) == error_answer(error)
