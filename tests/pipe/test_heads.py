"""The display pipe's messages of comms, values of expressions and proposals become events, or break the protocol."""

from typing import Any

import pytest
from bundling import head

from interpreterd.model.comms import CommMessage
from interpreterd.model.displays import Evaluated, Json, NextInput
from interpreterd.model.errors import ProtocolError
from interpreterd.model.events import Event, Failure
from interpreterd.pipe.bundles import BundleDecoder

JSON = "application/json"


def event(data: dict[str, bytes], **header: Any) -> Event | None:
    """Return the event of a bundle."""
    (bundle,) = BundleDecoder().feed(head(data, **header))
    return bundle.event


def test_a_message_of_a_comm_has_its_data_and_its_buffers() -> None:
    data = {JSON: b'{"a":1}', "buffers": b"AAEC" + b"/w=="}
    told = event(data, kind="comm", action="open", id="c", target="t", buffers=[4, 0, 4], metadata={"v": 2})
    assert told == CommMessage(
        action="open",
        comm_id="c",
        target="t",
        data=Json('{"a":1}'),
        metadata=Json('{"v":2}'),
        buffers=(b"\x00\x01\x02", b"", b"\xff"),
    )
    told = event({JSON: b"[]"}, kind="comm", action="close", id="c", target="ignored")
    assert told == CommMessage(action="close", comm_id="c", data=Json("[]"))


def test_an_expression_has_a_value_or_an_error() -> None:
    assert event({"text/plain": b"1"}, kind="evaluated", name="n") == Evaluated(name="n", data={"text/plain": "1"})
    error = {"name": "E", "value": "v", "traceback": "t"}
    assert event({"text/plain": b"1"}, kind="evaluated", name="n", error=error) == Evaluated(
        name="n", error=Failure(name="E", value="v", traceback="t")
    )


def test_a_proposal_has_a_text() -> None:
    assert event({"text/plain": b"x"}, kind="nextInput") == NextInput(text="x")
    assert event({"text/plain": b""}, kind="nextInput", replace=True) == NextInput(text="", replace=True)


@pytest.mark.parametrize(
    ("data", "header"),
    [
        ({JSON: b"{}"}, {"kind": "comm", "action": "shout", "id": "c"}),
        ({JSON: b"{}"}, {"kind": "comm", "action": ["open"], "id": "c"}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "open", "id": "c"}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "close"}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "close", "id": "c" * 1001}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "open", "id": "c", "target": "t" * 1001}),
        ({}, {"kind": "comm", "action": "close", "id": "c"}),
        ({"text/plain": b"{}"}, {"kind": "comm", "action": "close", "id": "c"}),
        ({JSON: b"{"}, {"kind": "comm", "action": "close", "id": "c"}),
        ({JSON: b"{}", "buffers": b"AAEC"}, {"kind": "comm", "action": "close", "id": "c"}),
        ({JSON: b"{}", "buffers": b"AAEC"}, {"kind": "comm", "action": "close", "id": "c", "buffers": [8]}),
        ({JSON: b"{}", "buffers": b"AAEC"}, {"kind": "comm", "action": "close", "id": "c", "buffers": [8, -4]}),
        ({JSON: b"{}", "buffers": b"AAE"}, {"kind": "comm", "action": "close", "id": "c", "buffers": [3]}),
        ({JSON: b"{}", "buffers": b"A\xc3\xa9C"}, {"kind": "comm", "action": "close", "id": "c", "buffers": [3]}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "close", "id": "c", "buffers": [0] * 1025}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "close", "id": "c", "buffers": [True]}),
        ({JSON: b"{}"}, {"kind": "comm", "action": "close", "id": "c", "buffers": 4}),
        ({}, {"kind": "evaluated"}),
        ({}, {"kind": "evaluated", "name": "n" * 1001}),
        ({}, {"kind": "evaluated", "name": "n", "error": "E"}),
        ({}, {"kind": "evaluated", "name": "n", "error": {"name": "E"}}),
        ({}, {"kind": "nextInput"}),
        ({JSON: b"1"}, {"kind": "nextInput"}),
    ],
)
def test_what_is_wrong_breaks_the_protocol(data: dict[str, bytes], header: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        event(data, **header)
