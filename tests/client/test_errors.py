"""``client.errors``: the daemon's errors arrive with all of their facts."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from clients import Face
from described import OPENAPI
from harness import Daemon
from proxy import Proxy, Say

from interpreterd.client import ContextNotFound, LimitReached, Refused

Start = Callable[..., Awaitable[Daemon]]
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]


async def test_what_the_daemon_refuses(py: Any) -> None:
    cases: list[tuple[str, int, type[Refused], Awaitable[Any]]] = [
        ("unsupported_language", 400, Refused, py.create_context(language="ruby")),
        ("invalid_cwd", 400, Refused, py.create_context(cwd="/no/where")),
        ("default_context", 400, Refused, py.delete_context("default")),
        ("invalid_request", 400, Refused, py.execute("")),
        ("invalid_request", 400, Refused, py.execute("1", timeout=-1)),
        ("malformed_request", 400, Refused, py.execute("1", timeout=0.5)),
        ("context_not_found", 404, ContextNotFound, py.execute("1", "a/b?c=ä")),
        ("context_not_found", 404, ContextNotFound, py.get_context("a/b?c=ä")),
        ("context_not_found", 404, ContextNotFound, py.delete_context("nowhere")),
        ("context_not_found", 404, ContextNotFound, py.interrupt("nowhere")),
        ("context_not_found", 404, ContextNotFound, py.restart("a/b?c=ä")),
    ]
    for code, status, kind, call in cases:
        with pytest.raises(Refused) as caught:
            await call
        assert (caught.value.code, caught.value.status, type(caught.value)) == (code, status, kind)
    assert str(caught.value) == "Context not found: a/b?c=ä"
    with pytest.raises(ContextNotFound):
        await anext(aiter(py.stream("1", "nowhere")))


async def test_a_limit_says_when_to_try_again(face: Face, start_daemon: Start) -> None:
    daemon = await start_daemon("--max-contexts", "1")
    async with face(daemon.url) as py:
        await py.create_context()
        with pytest.raises(LimitReached) as caught:
            await py.create_context()
    assert (caught.value.code, caught.value.retry_after_s) == ("limit_reached", 1.0)


async def test_all_that_a_refusal_says_is_kept(face: Face, stranger: Proxy) -> None:
    body = {"error": "why", "code": "context_not_found"}
    assert set(SCHEMAS["Error"]["properties"]) == set(body)
    head = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nRetry-After: 7\r\nConnection: close\r\n\r\n"
    stranger.plans.append(Say(head.encode() + json.dumps(body).encode()))
    async with face(stranger.url) as py:
        with pytest.raises(ContextNotFound) as caught:
            await py.get_context("it")
    error = caught.value
    assert isinstance(error, Refused)
    assert (str(error), error.code, error.status, error.retry_after_s) == ("why", "context_not_found", 404, 7.0)
