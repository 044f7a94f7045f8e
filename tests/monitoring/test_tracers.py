"""The trace of a request reaches the variables of the code that it runs."""

import pytest

from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.requests import Execute
from interpreterd.monitoring.tracers import with_trace

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("caller", "envs", "expected"),
    [
        (None, {"A": "1"}, {"A": "1"}),
        (ClientRequest("r"), {"A": "1"}, {"A": "1"}),
        (ClientRequest("r", PARENT), {"A": "1"}, {"A": "1", "TRACEPARENT": PARENT}),
        (ClientRequest("r", PARENT, "x=1"), {}, {"TRACEPARENT": PARENT, "TRACESTATE": "x=1"}),
        (ClientRequest("r", PARENT, "x=1"), {"TRACEPARENT": "mine"}, {"TRACEPARENT": "mine"}),
        (ClientRequest("r", span=object()), {}, {"TRACEPARENT": ""}),
    ],
)
def test_code_gets_the_trace_of_its_request(
    caller: ClientRequest | None, envs: dict[str, str], expected: dict[str, str]
) -> None:
    token = CALLER.set(caller)
    given = dict(envs)
    traced = with_trace(Execute(code="pass", envs=given))
    CALLER.reset(token)
    assert traced.envs == expected
    assert given == envs, "the request's own variables stay as they are"
