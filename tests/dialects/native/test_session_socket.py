"""A session runs many executions on one connection, over fake workers; its messages are as documented."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from fake_worker import FakeLauncher
from paths import GOLDEN, ROOT

from interpreterd.app import MANAGER
from interpreterd.dialects.native import session_socket
from interpreterd.dialects.native.events import render
from interpreterd.dialects.native.operations import answer, parse_operation, parse_request_id
from interpreterd.dialects.native.refusals import session_refusal
from interpreterd.model import displays, events, functions
from interpreterd.model.comms import CommMessage
from interpreterd.model.errors import ContextDeleted, ExecutionTimedOut
from interpreterd.model.failures import Details, Failure, Frame
from interpreterd.model.names import NATIVE_PATH
from interpreterd.pipe.messages import Asked

Open = Callable[..., Awaitable[Any]]
GOLDEN = [json.loads(line) for line in (GOLDEN / "session.jsonl").read_text("utf-8").splitlines()]


def connected(client: Any) -> Any:
    """Open a session whose close frame the test receives itself."""
    return client.ws_connect(NATIVE_PATH + "/session", autoclose=False)


async def until(socket: Any, text: str) -> dict[str, Any]:
    """Return the next message with this text."""
    while (message := await socket.receive_json()).get("text") != text:
        pass
    found: dict[str, Any] = message
    return found


async def test_every_message_names_its_request(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with connected(client) as socket:
        await socket.send_json({"op": "execute", "requestId": "a", "code": "pass"})
        worker = await launcher.worker()
        run = await worker.run()
        worker.write("x")
        worker.done(run)
        out = await until(socket, "x")
        assert (out["requestId"], out["executionId"], out["type"]) == ("a", run.execution_id, "stdout")
        end = await until(socket, "completed")
        assert (end["requestId"], end["seq"]) == ("a", out["seq"] + 1)


async def test_unanswered_requests_have_names_of_their_own_and_a_limit(
    open_client: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_socket, "REQUESTS_LIMIT", 1)
    client = await open_client()
    async with connected(client) as socket:
        for request_id in ("a", "a", "b"):
            await socket.send_json({"op": "execute", "requestId": request_id, "code": "pass"})
        codes = []
        while len(codes) < 2:
            message = await socket.receive_json()
            codes += [(message["requestId"], message["code"])] if "code" in message else []
        assert codes == [("a", "invalid_request"), ("b", "limit_reached")]


async def test_only_the_connection_that_asked_may_answer(open_client: Open, launcher: FakeLauncher) -> None:
    client = await open_client()
    async with connected(client) as asker, connected(client) as other:
        await asker.send_json({"op": "execute", "requestId": "a", "code": "input()", "stdin": True})
        worker = await launcher.worker()
        run = await worker.run()
        worker.say(Asked(execution_id=run.execution_id, number=1, prompt="? ", password=False))
        while (await asker.receive_json())["type"] != "inputRequest":
            pass
        for socket, said in ((other, "idle"), (asker, "accepted"), (asker, "idle")):
            await socket.send_json({"op": "input", "requestId": "i", "executionId": run.execution_id, "text": "x"})
            assert (await socket.receive_json())["text"] == said


@pytest.mark.parametrize(("on_disconnect", "interrupts"), [("continue", 0), ("interrupt", 1)])
async def test_a_client_that_goes_leaves_or_interrupts_its_executions(
    open_client: Open, launcher: FakeLauncher, on_disconnect: str, interrupts: int
) -> None:
    client = await open_client()
    async with connected(client) as socket:
        await socket.send_json({"op": "execute", "requestId": "a", "code": "pass", "onDisconnect": on_disconnect})
        worker = await launcher.worker()
        run = await worker.run()
    execution = client.app[MANAGER].executions.get(run.execution_id)
    while execution.journal.has_client:  # noqa: ASYNC110 -- no event tells when a client has gone
        await asyncio.sleep(0)
    assert worker.calls.count("interrupt") == interrupts


async def test_the_end_of_the_daemon_is_told_to_each_request_and_to_the_connection(
    open_client: Open, launcher: FakeLauncher
) -> None:
    client = await open_client()
    async with connected(client) as socket:
        await socket.send_json({"op": "execute", "requestId": "a", "code": "pass"})
        await (await launcher.worker()).run()
        closing = asyncio.create_task(client.server.close())
        assert (await until(socket, "cancelled"))["requestId"] == "a"
        frame = await socket.receive()
        assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, 1001, "server is shutting down")
        await socket.close()
        await closing


def test_the_documentation_shows_examples_that_are_tested() -> None:
    text = (ROOT / "PROTOCOL.md").read_text("utf-8")
    examples = [json.loads(line) for line in text.splitlines() if line.startswith("{") and '"requestId"' in line]
    assert len(examples) > 9
    assert [example for example in examples if example not in GOLDEN] == []


def test_operations_are_as_documented() -> None:
    for message in GOLDEN:
        if "op" in message and message.get("code") != "":
            parse_operation(json.loads(json.dumps(message)))
            assert parse_request_id(message) == message["requestId"]


def test_events_are_as_documented() -> None:
    ids = {"requestId": "a", "executionId": "0f0e4a52-7d0f-4f0b-9f0e-5a7d3c2b1a00"}
    frame = Frame(
        file="<ipython-cell-9e8bb1a6d2c4>",
        cell=1,
        line=2,
        end_line=2,
        column=0,
        end_column=3,
        function="<module>",
        source="1/0",
    )
    failure = Failure(
        name="ZeroDivisionError", value="division by zero", traceback="…", details=Details(frames=(frame,))
    )
    with pytest.raises(Exception, match="code") as caught:
        parse_operation({"op": "execute", "code": ""})
    refused = caught.value
    told: list[events.Event] = [
        events.Queued(ahead=1),
        events.Started(execution_count=3, worker_count=1),
        events.Restarted(),
        events.Output(stream=events.Stream.STDOUT, text="hello\n"),
        events.Output(stream=events.Stream.STDERR, text="a warning\n"),
        events.Output(stream=events.Stream.STDOUT, text="caf\ufffd\n", replaced=1),
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
        events.Finished(outcome=events.Outcome.INTERRUPTED, cause=ExecutionTimedOut("timed out")),
        events.Finished(outcome=events.Outcome.CANCELLED, cause=ContextDeleted("c")),
    ]
    lines = [
        *(render(number, event, ids) for number, event in enumerate(told)),
        render(9, events.Gap(first=3, last=9), ids),
        answer("accepted", "i"),
        *(answer(text, "b") for text in ("interrupting", "cancelled", "idle")),
        answer("pong", "c"),
        *session_refusal(refused, "d"),
    ]
    assert [json.loads(line or b"") for line in lines] == [message for message in GOLDEN if "op" not in message]
