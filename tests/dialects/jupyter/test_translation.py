"""Events as messages of Jupyter's, kind by kind."""

from typing import Any

import orjson
import pytest

from interpreterd.dialects.jupyter.messages import Outgoing
from interpreterd.dialects.jupyter.translation import Telling
from interpreterd.model import displays, events
from interpreterd.model.errors import ContextRestarted, WorkerStartFailed
from interpreterd.model.events import Failure, Finished, Gap, Outcome, Stream

PARENT = b'{"msg_id":"p"}'
JSON = displays.Json('{"a":1}')


def telling(**options: Any) -> Telling:
    """Return an execution that has begun."""
    it = Telling(PARENT, "1 + 1", **options)
    it.count = 7
    return it


def told(messages: list[Outgoing]) -> list[tuple[str, str, Any]]:
    """Return the channel, the type and the content of messages."""
    assert {it.parent for it in messages} <= {PARENT}
    return [(it.channel, it.kind, orjson.loads(it.content)) for it in messages]


BUSY = ("iopub", "status", {"execution_state": "busy"})
IDLE = ("iopub", "status", {"execution_state": "idle"})


@pytest.mark.parametrize(
    ("event", "kind", "content"),
    [
        (events.Output(stream=Stream.STDERR, text="é"), "stream", {"name": "stderr", "text": "é"}),
        (
            displays.Result(data={"text/plain": "2", "application/json": JSON}, metadata=JSON, execution_count=7),
            "execute_result",
            {"data": {"text/plain": "2", "application/json": {"a": 1}}, "metadata": {"a": 1}, "execution_count": 7},
        ),
        (
            displays.Display(data={"image/png": "aGk="}),
            "display_data",
            {"data": {"image/png": "aGk="}, "metadata": {}, "transient": {}},
        ),
        (
            displays.Display(data={}, display_id="d"),
            "display_data",
            {"data": {}, "metadata": {}, "transient": {"display_id": "d"}},
        ),
        (
            displays.UpdateDisplay(data={}, display_id="d"),
            "update_display_data",
            {"data": {}, "metadata": {}, "transient": {"display_id": "d"}},
        ),
        (displays.ClearOutput(wait=True), "clear_output", {"wait": True}),
    ],
    ids=["output", "result", "display", "named", "update", "clear"],
)
def test_an_event_is_one_message(event: events.Event, kind: str, content: Any) -> None:
    assert told(telling().tell(event)) == [("iopub", kind, content)]


def test_a_start_tells_the_code_unless_the_execution_is_silent() -> None:
    shown = ("iopub", "execute_input", {"code": "1 + 1", "execution_count": 7})
    assert told(telling().tell(events.Started())) == [BUSY, shown]
    assert told(telling(silent=True).tell(events.Started())) == [BUSY]


def test_only_the_client_of_an_execution_is_asked() -> None:
    event = events.InputRequest(prompt="name? ", password=True)
    asked = ("stdin", "input_request", {"prompt": "name? ", "password": True})
    assert told(telling(own=True).tell(event)) == [asked]
    assert telling().tell(event) == []


def ended(event: Finished, **options: Any) -> list[tuple[str, str, Any]]:
    """Return what is told of the end of an execution that has begun."""
    it = telling(**options)
    it.tell(events.Started())
    return told(it.tell(event))


def test_a_success_is_replied_to_its_client_alone() -> None:
    end = Finished(outcome=Outcome.COMPLETED)
    answer = {"status": "ok", "execution_count": 7, "user_expressions": {}, "payload": []}
    assert ended(end, own=True) == [("shell", "execute_reply", answer), IDLE]
    assert ended(end) == [IDLE]


def test_an_error_is_published_and_replied() -> None:
    failure = Failure(name="KeyError", value="'x'", traceback="Traceback (most recent call last):\nKeyError: 'x'\n")
    it = telling(own=True)
    it.tell(events.Started())
    ((_, kind, content),) = told(it.tell(events.Raised(error=failure)))
    (_, _, answer), idle = told(it.tell(Finished(outcome=Outcome.COMPLETED, error=failure)))
    assert (kind, content["ename"], content["evalue"]) == ("error", "KeyError", "'x'")
    assert content["traceback"][-1] == "\x1b[31mKeyError\x1b[39m: 'x'"
    assert answer == {
        "status": "error",
        "execution_count": 7,
        "user_expressions": {},
        "payload": [],
        **content,
    }
    assert idle == IDLE


def test_what_never_ran_is_aborted_between_busy_and_idle() -> None:
    cause = ContextRestarted("k")
    failure = Failure(name="ContextError", value=str(cause))
    it = telling(own=True)
    assert it.tell(events.Raised(error=failure)) == []
    end = Finished(outcome=Outcome.CANCELLED, error=failure, cause=cause)
    assert told(it.tell(end)) == [BUSY, ("shell", "execute_reply", {"status": "aborted"}), IDLE]


def test_what_could_not_start_says_why() -> None:
    cause = WorkerStartFailed("no python")
    failure = Failure(name="ContextError", value=str(cause))
    end = Finished(outcome=Outcome.CANCELLED, error=failure, cause=cause)
    busy, error, answer, idle = told(telling(own=True).tell(end))
    assert (busy, error[1], answer[2]["status"], idle) == (BUSY, "error", "error", IDLE)
    assert answer[2]["evalue"] == "no python"


def test_a_gap_says_how_much_is_lost() -> None:
    ((_, kind, content),) = told(telling().tell(Gap(first=5, last=9)))
    assert (kind, content["name"], "5 messages" in content["text"]) == ("stream", "stderr", True)


def test_other_kinds_are_not_told() -> None:
    for event in (events.Queued(ahead=1), events.Restarted(), events.Submitted.of("1", ""), events.WorkerEnded(how="")):
        assert telling().tell(event) == []
