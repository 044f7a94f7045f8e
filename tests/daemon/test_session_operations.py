"""Many executions on one connection, with workers: ``GET /process/interpreter/session``."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from harness import Client, Daemon
from on_session import Session, open_session


@pytest.fixture
async def session(client: Client) -> AsyncIterator[Session]:
    async with open_session(client) as session:
        yield session


async def test_executions_of_one_context_run_in_order_and_share_state(session: Session) -> None:
    for number in range(5):
        await session.send(op="execute", requestId=str(number), code=f"n = {number}\nprint(n)")
    seen = []
    while len(seen) < 5:
        message = await session.next()
        if message.get("text") == "completed":
            seen.append(message["requestId"])
    assert seen == ["0", "1", "2", "3", "4"]
    assert [session.output(str(number)) for number in range(5)] == [f"{number}\n" for number in range(5)]


async def test_executions_of_different_contexts_run_in_parallel(
    client: Client, session: Session, tmp_path: Path
) -> None:
    contexts = [await client.create(), await client.create()]
    os.mkfifo(tmp_path / "fifo")
    # Each end of a FIFO waits for the other end: one after the other, the first execution would wait for ever.
    await session.send(
        op="execute", requestId="r", code=f"print(open({str(tmp_path / 'fifo')!r}).read())", contextId=contexts[0]
    )
    await session.send(
        op="execute", requestId="w", code=f"open({str(tmp_path / 'fifo')!r}, 'w').write('met')", contextId=contexts[1]
    )
    await session.wait("r")
    assert session.output("r") == "met\n"


async def test_every_event_names_its_request_and_its_execution(session: Session) -> None:
    await session.send(op="execute", requestId="a", code="import sys; print(1); print(2, file=sys.stderr); 1/0")
    messages = await session.wait("a")
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    messages = [message for message in messages if message.get("text") != "queued"]
    assert [message["type"] for message in messages if message["type"] != "stderr"] == [
        "control",
        "stdout",
        "error",
        "control",
    ]
    assert "".join(message["text"] for message in messages if message["type"] == "stderr") == "2\n"
    assert (messages[0]["text"], messages[-1]["text"]) == ("started", "completed")
    assert len({message["executionId"] for message in messages}) == 1


async def test_an_interrupt_hits_the_named_execution_only(session: Session) -> None:
    await session.send(op="execute", requestId="a", code="print('here', flush=True)\nwhile True: pass")
    execution_id = (await session.wait("a", "here\n"))[0]["executionId"]
    await session.send(op="interrupt", requestId="i1", executionId="another")
    assert (await session.wait("i1", "idle", "interrupting"))[0]["text"] == "idle"
    await session.send(op="interrupt", requestId="i2", executionId=execution_id)
    assert (await session.wait("i2", "idle", "interrupting"))[0]["text"] == "interrupting"
    messages = await session.wait("a")
    assert messages[-2]["name"] == "KeyboardInterrupt"
    assert messages[-1]["text"] == "interrupted"


async def test_an_interrupted_execution_that_waits_leaves_the_queue(session: Session) -> None:
    await session.send(op="execute", requestId="a", code="while True: pass")
    await session.send(op="execute", requestId="b", code="print('never')")
    await session.wait("a", "started")
    (queued,) = await session.wait("b", "queued")
    for did in ("cancelled", "idle"):
        await session.send(op="interrupt", requestId=did, executionId=queued["executionId"])
        assert (await session.wait(did, "cancelled", "idle"))[0]["text"] == did
    messages = await session.wait("b")
    assert [message.get("name", message.get("text")) for message in messages] == [
        "queued",
        "KeyboardInterrupt",
        "cancelled",
    ]
    await session.send(op="interrupt", requestId="i")
    assert (await session.wait("a"))[-1]["text"] == "interrupted"


async def test_ping_is_answered_while_code_runs(session: Session) -> None:
    await session.send(op="execute", requestId="a", code="print('here', flush=True)\nwhile True: pass")
    await session.wait("a", "here\n")
    await session.send(op="ping", requestId="p")
    await session.wait("p", "pong")
    await session.send(op="interrupt", requestId="i")
    await session.wait("a")


@pytest.mark.parametrize(
    ("message", "request_id", "code", "names"),
    [
        ("nonsense", None, "malformed_request", "JSON"),
        ("[]", None, "malformed_request", "object"),
        ('{"op":"ping"}', None, "malformed_request", "requestId"),
        ('{"op":"ping","requestId":7}', None, "malformed_request", "requestId"),
        ('{"requestId":"a"}', "a", "malformed_request", "op"),
        ('{"op":"fly","requestId":"a"}', "a", "invalid_request", "op"),
        ('{"op":"execute","requestId":"a"}', "a", "invalid_request", "ode"),
        ('{"op":"execute","requestId":"a","code":1}', "a", "malformed_request", "ode"),
        ('{"op":"execute","requestId":"a","code":"1","contextId":"x"}', "a", "context_not_found", "x"),
        ('{"op":"interrupt","requestId":"a","executionId":1}', "a", "malformed_request", "ecutionId"),
    ],
)
async def test_an_error_ends_the_request_and_not_the_connection(
    session: Session, message: str, request_id: str | None, code: str, names: str
) -> None:
    await session.socket.send_str(message)
    error, refused = await session.wait(request_id)
    assert error["code"] == code
    assert names in error["value"]
    assert refused["text"] == "refused"
    await session.send(op="execute", requestId="next", code="print('goes on')")
    await session.wait("next")
    assert session.output("next") == "goes on\n"


async def test_a_request_id_in_use_is_refused(session: Session) -> None:
    await session.send(op="execute", requestId="a", code="while True: pass")
    await session.wait("a", "started")
    await session.send(op="execute", requestId="a", code="pass")
    await session.wait("a", "refused")
    await session.send(op="interrupt", requestId="i")
    assert (await session.wait("a", "interrupted"))[-1]["text"] == "interrupted"


async def test_a_client_that_leaves_leaves_its_execution_running(client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    async with open_session(client) as session:
        await session.send(op="execute", requestId="a", code=f"x = open({str(tmp_path / 'fifo')!r}).read()")
        await session.wait("a", "started")
    code = f"open({str(tmp_path / 'fifo')!r}, 'w').write('kept')"
    await client.run(code, await client.create())
    assert (await client.run("print(x)")).stdout == "kept\n"


async def test_shutdown_tells_every_request_then_closes(daemon: Daemon, own_client: Client) -> None:
    async with open_session(own_client) as session:
        await session.send(op="execute", requestId="runs", code="while True: pass")
        await session.send(op="execute", requestId="waits", code="pass")
        await session.wait("runs", "started")
        daemon.process.terminate()
        for request_id in ("runs", "waits"):
            messages = await session.wait(request_id, "cancelled")
            assert messages[-2]["value"] == "server is shutting down"
        frame = await session.socket.receive()
        assert (frame.type, session.socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1001)
        assert await daemon.ended() == 0
