"""openapi.json describes every route and every request that the application takes, and nothing else."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import openapi_spec_validator
import pytest
from described import ASYNCAPI, OPENAPI, OPERATIONS, example_of, headed, schema
from fake_worker import FakeLauncher
from harness import Daemon
from hypothesis import given
from hypothesis import strategies as st
from paths import GOLDEN

from interpreterd.app import make_app
from interpreterd.dialects.native.forks import parse_fork
from interpreterd.dialects.native.requests import parse_change, parse_create, parse_execute
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.setting_kinds import LEAST_MEMORY_BYTES
from interpreterd.settings import Settings

StartDaemon = Callable[..., Awaitable[Daemon]]
BODY_LIMIT_BYTES = 64 << 10


def test_the_document_is_valid() -> None:
    openapi_spec_validator.validate(OPENAPI)
    assert OPENAPI["info"]["version"] == ASYNCAPI["info"]["version"]


def routes(base_path: str) -> set[tuple[str, str]]:
    """Return method and path of all routes of an application with this base path."""
    app = make_app(settings=Settings.of(base_path=base_path), launcher=FakeLauncher())
    return {
        (route.method.lower(), route.resource.canonical) for route in app.router.routes() if route.resource is not None
    }


@pytest.mark.parametrize("base_path", ["", "/api/v1"])
def test_the_routes_are_those_of_the_application(base_path: str) -> None:
    described = {(method, path) for method, path, _ in OPERATIONS.values()}
    described |= {("head", path) for name, (_, path, _) in OPERATIONS.items() if name in headed()}
    assert routes(base_path) == described | {(method, base_path + path) for method, path in described}


def test_the_examples_are_as_described() -> None:
    for line in (GOLDEN / "http.jsonl").read_text("utf-8").splitlines():
        answer = json.loads(line)
        example_of(answer["request"], answer["status"]).validate(answer["body"])


# Valid requests

ENVIRONMENTS = [{}, {"A": ""}, {"": ""}, {"A=": ""}, {"A": "\0"}, {"A\0": ""}, {"é\n": "\n"}, {"A": 1}, {"A": None}]
LIMIT_VALUES = [0, 1, 0.5, 30.0, LEAST_MEMORY_BYTES - 1, LEAST_MEMORY_BYTES, 2**53, 2**53 + 1, 10**400]
LIMITS = [
    "memoryBytes",
    "cpuSeconds",
    "outputBytes",
    "processes",
    "queued",
    "executionSeconds",
    "idleTimeoutSeconds",
    "maxLifetimeSeconds",
    "codeBytes",
    "openFiles",
    "diskBytes",
    "later",
]
FUNCTIONS = [[{"name": name, "async": None, "doc": "d"}] for name in ("f", "ä.b", "a.b.c", "1", "a ", "")] + [
    [{"name": "f", "signature": 1}],
    [{"doc": "d"}],
    [1],
    [{"name": f"f{number}"} for number in range(129)],
]
EDGES: dict[str, list[Any]] = {
    "code": ["pass"],
    "contextId": ["x" * 1000, "x" * 1001],
    "timeout": [-1, 1.5, 30.0, 2**32 - 1, 2**32],
    "graceS": [-1, 0, 0.5, 2**32],
    "envs": ENVIRONMENTS,
    "onDisconnect": ["continue", "interrupt"],
    "events": ["v1", "v2", "v3"],
    "stdin": [],
    "interactive": [],
    "charts": [],
    "results": [],
    "imageFormat": ["png", "svg", "PNG"],
    "formats": [["application/json"], ["application/json", "text/html"], ["application/vnd.e2b.chart+json"], [1]],
    "showSaved": [],
    "files": [],
    "functions": FUNCTIONS,
    "background": [],
    "origin": ["é" * 256, "é" * 257],
    "language": ["python", "Python"],
    "preload": [["numpy"], [1]],
    "limits": [{key: value} for key in LIMITS for value in LIMIT_VALUES],
    "metadata": ENVIRONMENTS,
    "checkpoint": [],
    "persistent": [],
    "archive": ["model"],
    "count": [64, 65, 1.0, 1.5],
    "cwd": ["/tmp", "same", "copy"],
    "strict": [],
    "later": [],
}
ANYTHING: list[Any] = [None, True, False, 0, 1, "", "x", [], {}]
REQUESTS = (
    ("Execute", parse_execute),
    ("CreateContext", parse_create),
    ("ChangeContext", parse_change),
    ("Fork", parse_fork),
)


@pytest.mark.parametrize("key", EDGES)
def test_what_is_described_is_what_may_be_asked(key: str) -> None:
    for value in [*EDGES[key], *ANYTHING]:
        for name, parse in REQUESTS:
            body = {"code": "pass", key: value}
            assert schema(name, closed=False).is_valid(body) is takes(parse, body), body


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(LIMITS) | st.text(), scalars)


@given(st.dictionaries(st.sampled_from(list(EDGES)), values) | scalars)
def test_nothing_else_may_be_asked(body: Any) -> None:
    for name, parse in REQUESTS:
        assert schema(name, closed=False).is_valid(body) is takes(parse, body)


def takes(parse: Any, value: Any) -> bool:
    """Return whether ``parse`` accepts this request."""
    try:
        parse(value)
    except (MalformedRequest, InvalidRequest):
        return False
    return True
