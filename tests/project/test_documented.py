"""PROTOCOL.md's examples of executions, the golden files and the daemon's messages agree."""

import json
import re
from typing import Any

import pytest
from following import following, until
from harness import Client
from kinds import kinds
from paths import ROOT

from interpreterd.dialects.native.events import render_happened
from interpreterd.model import displays, events, functions
from interpreterd.model.comms import CommMessage
from interpreterd.model.expiry import Expired
from interpreterd.model.restored import Restored

PROTOCOL = (ROOT / "PROTOCOL.md").read_text("utf-8")


def golden(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / f"tests/golden/{name}.jsonl").read_text("utf-8").splitlines()]


def shown(heading: str) -> list[dict[str, Any]]:
    """Return the JSON that a section of PROTOCOL.md shows."""
    section = PROTOCOL.partition(f"## Clients: {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    assert blocks, heading
    return [json.loads(line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize(
    ("heading", "name"),
    [("WebSocket `GET /process/interpreter/session`", "session"), ("following", "feed")],
)
def test_the_messages_that_are_shown_are_golden(heading: str, name: str) -> None:
    for message in shown(heading):
        same = [example for example in golden(name) if example.keys() == message.keys()]
        assert message in same or any(_resembles(message, example) for example in same), message


def _resembles(message: dict[str, Any], example: dict[str, Any]) -> bool:
    """Return whether two messages differ only in the client's request ids."""
    return {**message, "requestId": None, "contextId": None} == {**example, "requestId": None, "contextId": None}


def test_the_answers_that_are_shown_are_golden() -> None:
    bodies = [answer["body"] for answer in golden("http")]
    assert all(body in bodies for body in shown("executions over HTTP"))


def test_what_happens_in_a_context_is_as_documented() -> None:
    failure = events.Failure(name="ZeroDivisionError", value="division by zero", traceback="…")
    told: list[events.Event] = [
        events.Submitted(code="print('hello')", origin="ada"),
        events.Queued(ahead=1),
        events.Started(execution_count=3, worker_count=1),
        events.Restarted(),
        events.Output(stream=events.Stream.STDOUT, text="hello\n"),
        events.InputRequest(prompt="name? ", password=False),
        functions.FunctionCall(
            call_id="1", name="search", args=displays.Json('["x"]'), kwargs=displays.Json('{"limit":3}')
        ),
        functions.FunctionEnd(call_id="1", outcome=functions.CallOutcome.RETURNED),
        displays.Display(
            data={"text/plain": "<Figure size 640x480>", "image/png": "iVBORw0KGgo="},
            metadata=displays.Json('{"image/png":{"width":640}}'),
            display_id="plot",
        ),
        displays.UpdateDisplay(data={"text/plain": "done"}, display_id="plot"),
        displays.ClearOutput(wait=True),
        displays.Result(
            data={"text/plain": "{'a': 1}", "application/json": displays.Json('{"a":1}')}, execution_count=3
        ),
        displays.Evaluated(name="total", data={"text/plain": "2"}),
        displays.Evaluated(name="wrong", error=events.Failure(name="NameError", value="name 'x' is not defined")),
        displays.NextInput(text="print(1)"),
        CommMessage(
            action="open",
            comm_id="6d0f",
            target="jupyter.widget",
            data=displays.Json('{"state":{"value":1}}'),
            metadata=displays.Json('{"version":"2.1.0"}'),
            buffers=(b"\x00\x01\x02",),
        ),
        CommMessage(action="message", comm_id="6d0f", data=displays.Json('{"value":2}')),
        events.Raised(error=failure),
        events.Finished(outcome=events.Outcome.COMPLETED, error=failure, execution_count=3),
        events.Output(stream=events.Stream.STDERR, text="from a thread\n"),
        events.WorkerEnded(how="killed by SIGKILL"),
        Restored(checkpoint_id="7f0c3f6e-3a55-4d7c-9c0f-0b7c5a4f2b10", checkpoint_name="before"),
        Expired(why="it was idle for 600 s"),
    ]
    assert {type(event) for event in told} == kinds()
    execution_id = "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"
    lines = [
        render_happened(number, events.Happened(execution_id=execution_id if number < 19 else None, event=event))
        for number, event in enumerate(told)
    ]
    lines.append(render_happened(22, events.Gap(first=3, last=22)))
    assert [json.loads(line or b"") for line in lines] == golden("feed")


async def test_answers_are_as_documented(own_client: Client) -> None:
    code = "print('hello')\n1/0"
    _, answered = await own_client.request("POST", "/execute", json={"code": code})
    _, ended = await own_client.request("GET", f"/executions/{answered['executionId']}")
    request = {"code": "print('here', flush=True)\nwhile True: pass", "background": True}
    status, accepted = await own_client.request("POST", "/execute", json=request)
    assert status == 202
    async with following(own_client, f"/executions/{accepted['id']}/events", "ndjson") as events:
        await until(events, "here\n")
        _, interrupted = await own_client.request("POST", f"/executions/{accepted['id']}/interrupt")
        await until(events, "interrupted")
    _, again = await own_client.request("POST", "/execute", json=request)
    async with following(own_client, f"/executions/{again['id']}/events", "ndjson") as events:
        await until(events, "here\n")
    _, restarted = await own_client.request("POST", "/context/default/restart")
    assert restarted["lost"] == [again["id"]]
    for answer, example in zip([answered, accepted, ended, interrupted, restarted], golden("http"), strict=True):
        assert _form(answer) == _form(example["body"]), example["request"]


def _form(value: Any) -> Any:
    """Return the keys and types of a JSON value, in its order."""
    if isinstance(value, dict):
        return [(key, _form(item)) for key, item in value.items()]
    return [_form(item) for item in value] if isinstance(value, list) else type(value)
