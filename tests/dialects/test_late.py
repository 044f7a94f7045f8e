"""A dialect that is imported late: nothing before its first request, and all that its handlers need after it."""

import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from interpreterd import dialects
from interpreterd.dialects.late import LateDialect, Table

FILES = {
    "__init__": "",
    "routes": """
from interpreterd.dialects.late import LateRoute, Table
TABLE = Table(routes=(LateRoute("GET", "/a", "handlers:say"),), errors="handlers:show", state="state:State")
""",
    "state": """
class State:
    closed = False
    def __init__(self, service):
        self.service = service
    async def close(self):
        self.closed = True
""",
    "handlers": """
show = None
async def say(state, request):
    return state
""",
}


def modules(name: str) -> set[str]:
    return {it.removeprefix("interpreterd.dialects.") for it in sys.modules if it.split(".")[2:3] == [name]}


async def test_modules_are_imported_by_the_first_request_and_state_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latetoy").mkdir()
    for name, text in FILES.items():
        (tmp_path / "latetoy" / f"{name}.py").write_text(text)
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    service = object()
    toy = LateDialect("latetoy", lambda _: service)  # type: ignore[arg-type, return-value]
    assert modules("latetoy") == set()
    await toy.close()
    (route,) = toy.table().routes
    handle = toy.handler(route)
    assert modules("latetoy") == {"latetoy", "latetoy.routes"}
    request = make_mocked_request("GET", "/a")
    state = await handle(request)
    assert modules("latetoy") == {"latetoy", "latetoy.routes", "latetoy.state", "latetoy.handlers"}
    assert state.service is service  # type: ignore[attr-defined]
    assert await handle(request) is state
    await toy.close()
    assert state.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("headers", "claims"),
    [({}, False), ({"X-Toy": ""}, True), ({"User-Agent": "toy-1"}, True), ({"User-Agent": "a toy-1"}, False)],
)
def test_a_dialect_knows_its_clients_by_their_headers(headers: dict[str, str], claims: bool) -> None:
    table = Table(routes=(), errors="", headers=("x-toy", "User-Agent: toy-"))
    request: web.Request = make_mocked_request("GET", "/", headers=headers)
    assert table.claims(request) is claims
