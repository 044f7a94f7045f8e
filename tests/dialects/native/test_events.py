"""Events in both versions of the protocol. ``test_documented`` and the golden files check version 2's form."""

import json

import pytest
from kinds import kinds

from interpreterd.dialects.native.events import V1, V2, render, render_happened, render_v1
from interpreterd.model import displays, events, functions
from interpreterd.model.errors import ContextDeleted, ExecutionInterrupted, ExecutionTimedOut, WorkerStartFailed
from interpreterd.model.events import EVENT_LIMIT_CHARS

FAILURE = events.Failure(name="E", value="v")


def test_version_2_tells_every_kind_and_version_1_what_the_first_clients_know() -> None:
    assert set(V2) == {*kinds(), events.Gap}
    assert set(V1) == {events.Output, events.Restarted, events.Raised, events.Finished}


def test_version_2_is_the_body_the_ids_and_the_number() -> None:
    assert render(7, events.Queued(ahead=1), {"requestId": "r", "executionId": "e"}) == (
        b'{"type":"control","text":"queued","ahead":1,"requestId":"r","executionId":"e","seq":7}'
    )
    assert (
        render(8, events.Output(stream=events.Stream.STDOUT, text="x"), {}) == b'{"type":"stdout","text":"x","seq":8}'
    )


def test_followers_of_a_context_are_told_whose_event_it_is() -> None:
    told = [render_happened(3, events.Happened(execution_id=name, event=events.Started())) for name in ("e", None)]
    told.append(render_happened(4, events.Gap(first=1, last=4)))
    assert [json.loads(message or b"")["executionId"] for message in told] == ["e", None, None]


RENDERED: list[tuple[events.Event, bytes | None]] = [
    (events.Output(stream=events.Stream.STDOUT, text='a"\n'), b'{"type":"stdout","text":"a\\"\\n"}'),
    (events.Output(stream=events.Stream.STDERR, text="é"), '{"type":"stderr","text":"é"}'.encode()),
    (
        events.Output(stream=events.Stream.STDOUT, text="\ufffd\ufffd", replaced=1),
        '{"type":"stdout","text":"\ufffd\ufffd","replaced":1}'.encode(),
    ),
    (events.Queued(ahead=1), None),
    (events.Started(), None),
    (events.Restarted(), b'{"type":"control","text":"restarted"}'),
    (events.InputRequest(prompt="name? ", password=False), None),
    (functions.FunctionCall(call_id="1", name="f", args=displays.Json("[]"), kwargs=displays.Json("{}")), None),
    (functions.FunctionEnd(call_id="1", outcome=functions.CallOutcome.CANCELLED), None),
    (
        events.Raised(error=events.Failure(name="E", value="v", traceback="t\n")),
        b'{"type":"error","name":"E","value":"v","traceback":"t\\n"}',
    ),
    (events.Finished(outcome=events.Outcome.COMPLETED), b'{"type":"control","text":"completed"}'),
    (events.Finished(outcome=events.Outcome.LOST, error=FAILURE), b'{"type":"control","text":"completed"}'),
    (
        events.Finished(outcome=events.Outcome.INTERRUPTED, error=FAILURE, cause=ExecutionTimedOut("v")),
        b'{"type":"control","text":"interrupted"}',
    ),
    (
        events.Finished(outcome=events.Outcome.CANCELLED, error=FAILURE, cause=ExecutionInterrupted("v")),
        b'{"type":"control","text":"interrupted"}',
    ),
    (events.Finished(outcome=events.Outcome.LOST, error=FAILURE, cause=ContextDeleted("c")), None),
    (events.Finished(outcome=events.Outcome.CANCELLED, error=FAILURE, cause=WorkerStartFailed("why")), None),
]


@pytest.mark.parametrize(("event", "message"), RENDERED)
def test_events_are_the_bytes_of_the_contract(event: events.Event, message: bytes | None) -> None:
    assert render_v1(event) == message


@pytest.mark.parametrize("character", ["\0", "é", "😀", '"', "x", "\x7f"])
def test_the_longest_messages_stay_below_one_mib(character: str) -> None:
    output = events.Output(stream=events.Stream.STDERR, text=character * EVENT_LIMIT_CHARS)
    ids = {"requestId": "\0" * 256, "executionId": "e" * 36}
    for message in (render_v1(output), render(2**53, output, ids)):
        assert message is not None
        assert len(message) < 1 << 20
