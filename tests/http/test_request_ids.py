"""Every request has an id, and may have a place in a trace."""

import re
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from interpreterd.http.request_ids import REQUEST_ID, Handler, add_request_id, begin, caller_of, count_answer
from interpreterd.model.caller import CALLER
from interpreterd.monitoring.counts import COUNTS

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def asked(**headers: str) -> Any:
    return caller_of(make_mocked_request("GET", "/", headers={k.replace("_", "-"): v for k, v in headers.items()}))


@pytest.mark.parametrize(
    "name", ["a", "r-1", "0af7651916cd43dd", "Root=1-67891233-abcdef012345678912345678", "x" * 128]
)
def test_a_clients_own_id_is_taken(name: str) -> None:
    assert asked(X_Request_Id=name).request_id == name


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 129, "a\tb", "é", '"', "-a", "a;b"])
def test_an_impossible_id_counts_as_none(name: str) -> None:
    made = asked(X_Request_Id=name).request_id
    assert made != name
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", made)
    assert made != asked().request_id, "each request has its own"


def test_a_place_in_a_trace_is_taken_as_w3c_has_it() -> None:
    caller = asked(traceparent=PARENT, tracestate="rojo=00f067aa0ba902b7")
    assert (caller.traceparent, caller.tracestate) == (PARENT, "rojo=00f067aa0ba902b7")


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        PARENT.upper(),
        PARENT + "-more",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)
def test_a_wrong_place_counts_as_none(parent: str) -> None:
    caller = asked(traceparent=parent, tracestate="a=1")
    assert (caller.traceparent, caller.tracestate) == ("", "")


@pytest.mark.parametrize("state", ["x" * 513, "ä=1"])
def test_a_wrong_state_is_left_out(state: str) -> None:
    caller = asked(traceparent=PARENT, tracestate=state)
    assert (caller.traceparent, caller.tracestate) == (PARENT, "")


async def test_the_handler_knows_the_request_and_the_answer_names_it() -> None:
    async def answer(request: web.Request) -> web.Response:
        caller = CALLER.get()
        return web.Response(text="" if caller is None else caller.request_id)

    @web.middleware
    async def name(request: web.Request, handler: Handler) -> web.StreamResponse:
        assert begin(request) is CALLER.get()
        response = await handler(request)
        count_answer(request, response.status)
        return response

    app = web.Application(middlewares=[name])
    app.on_response_prepare.append(add_request_id)
    app.router.add_get("/", answer)
    before = COUNTS.requests["GET", 200]
    async with TestClient(TestServer(app)) as client:
        await ask(client)
    assert COUNTS.requests["GET", 200] == before + 3
    assert CALLER.get() is None


async def ask(client: Any) -> None:
    for name in ("r-1", "r-2"):
        async with client.get("/", headers={REQUEST_ID: name}) as response:
            assert (response.headers[REQUEST_ID], await response.text()) == (name, name)
    async with client.get("/") as response:
        assert response.headers[REQUEST_ID] == await response.text() != ""
