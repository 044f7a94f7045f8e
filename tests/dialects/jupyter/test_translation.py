"""Events as messages of Jupyter's, kind by kind."""

from typing import Any

import orjson
import pytest

from interpreterd.dialects.jupyter import translation
from interpreterd.dialects.jupyter.messages import Outgoing
from interpreterd.dialects.jupyter.translation import Telling
from interpreterd.model import displays, events
from interpreterd.model.comms import CommMessage
from interpreterd.model.errors import ContextRestarted, WorkerStartFailed
from interpreterd.model.events import Failure, Finished, Gap, Outcome, Stream
from interpreterd.model.restored import Restored

PARENT = b'{"msg_id":"p"}'
JSON = displays.Json('{"a":1}')


def telling(**options: Any) -> Telling:
    """Return an execution that has begun."""
    it = Telling(PARENT, "1 + 1", **options)
    it.count = 7
    return it


START = events.Started(execution_count=9, worker_count=7)


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
    assert told(telling().tell(START)) == [BUSY, shown]
    assert told(telling(silent=True).tell(START)) == [BUSY]


def test_only_the_client_of_an_execution_is_asked() -> None:
    event = events.InputRequest(prompt="name? ", password=True)
    asked = ("stdin", "input_request", {"prompt": "name? ", "password": True})
    assert told(telling(own=True).tell(event)) == [asked]
    assert telling().tell(event) == []


def ended(event: Finished, **options: Any) -> list[tuple[str, str, Any]]:
    """Return what is told of the end of an execution that has begun."""
    it = telling(**options)
    it.tell(START)
    return told(it.tell(event))


def test_a_success_is_replied_to_its_client_alone() -> None:
    end = Finished(outcome=Outcome.COMPLETED)
    answer = {"status": "ok", "execution_count": 7, "user_expressions": {}, "payload": []}
    assert ended(end, own=True) == [("shell", "execute_reply", answer), IDLE]
    assert ended(end) == [IDLE]


def test_an_error_is_published_and_replied() -> None:
    failure = Failure(name="KeyError", value="'x'", traceback="Traceback (most recent call last):\nKeyError: 'x'\n")
    it = telling(own=True)
    it.tell(START)
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


def test_expressions_and_proposals_come_with_the_reply() -> None:
    it = telling(own=True)
    it.tell(START)
    said = [
        displays.Evaluated(name="a", data={"text/plain": "1", "application/json": JSON}),
        displays.Evaluated(name="b", error=Failure(name="NameError", value="b")),
        displays.NextInput(text="first"),
        displays.NextInput(text="second", replace=True),
        displays.Display(data={"text/plain": "help"}, page=True),
    ]
    assert [it.tell(event) for event in said] == [[]] * 5
    (_, _, answer), _ = told(it.tell(Finished(outcome=Outcome.COMPLETED)))
    assert answer["user_expressions"]["a"] == {
        "status": "ok",
        "data": {"text/plain": "1", "application/json": {"a": 1}},
        "metadata": {},
    }
    assert answer["user_expressions"]["b"].items() >= {"status": "error", "ename": "NameError"}.items()
    assert answer["payload"] == [
        {"source": "set_next_input", "text": "second", "replace": True},
        {"source": "page", "data": {"text/plain": "help"}, "start": 0},
    ]


def test_what_is_kept_for_the_reply_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "EVALUATED_LIMIT_BYTES", 10)
    it = telling(own=True)
    it.tell(START)
    it.tell(displays.Evaluated(name="a", data={"text/plain": "x" * 10}))
    it.tell(displays.Evaluated(name="b", data={"text/plain": "x"}))
    it.tell(displays.NextInput(text="x"))
    (_, _, answer), _ = told(it.tell(Finished(outcome=Outcome.COMPLETED)))
    assert [it["status"] for it in answer["user_expressions"].values()] == ["ok", "error"]
    assert answer["payload"] == []


@pytest.mark.parametrize(
    ("action", "kind", "more"),
    [
        ("open", "comm_open", {"target_name": "t", "target_module": None}),
        ("message", "comm_msg", {}),
        ("close", "comm_close", {}),
    ],
)
def test_a_message_of_a_comm_has_its_buffers(action: Any, kind: str, more: dict[str, Any]) -> None:
    event = CommMessage(action=action, comm_id="c", target="t", data=JSON, metadata=JSON, buffers=(b"\0\xff",))
    (message,) = telling(silent=True).tell(event)
    assert told([message]) == [("iopub", kind, {"comm_id": "c", "data": {"a": 1}, **more})]
    assert (message.metadata, message.buffers) == (b'{"a":1}', (b"\0\xff",))


def test_a_message_to_a_comm_has_no_reply() -> None:
    end = Finished(outcome=Outcome.COMPLETED)
    assert ended(end, own=True, silent=True, replied=False) == [IDLE]


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


@pytest.mark.parametrize(
    ("event", "source"),
    [
        (Restored(checkpoint_id="c", checkpoint_name="before"), "the checkpoint before"),
        (Restored(checkpoint_id="c"), "a checkpoint"),
        (Restored(archive_id="a"), "an archive"),
    ],
    ids=["named", "unnamed", "archive"],
)
def test_a_person_reads_that_the_variables_are_former_ones(event: Restored, source: str) -> None:
    text = f"[interpreterd: the variables of this kernel are now those of {source}]\n"
    assert told(telling().tell(event)) == [("iopub", "stream", {"name": "stderr", "text": text})]


def test_a_kernel_that_has_only_hibernated_says_nothing() -> None:
    assert told(telling().tell(Restored(archive_id="a", is_as_left=True))) == []
