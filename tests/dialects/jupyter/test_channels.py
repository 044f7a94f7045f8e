"""The WebSocket of a kernel: its beginning, its end, and clients that break its rules."""

import json
from typing import Any

import pytest
from fake_worker import FakeLauncher
from harness import PREFIX
from kernels import Jupyter, kinds, packed, reply, request
from yarl import URL

from interpreterd.dialects.jupyter.session import Session
from interpreterd.dialects.jupyter.wire import V1


async def test_plain_http_is_told_what_is_missing(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    status, body = await jupyter.ask("GET", f"/api/kernels/{kernel}/channels")
    assert (status, body["reason"]) == (426, "Upgrade Required")


async def test_an_unknown_kernel_is_refused_before_the_upgrade(jupyter: Jupyter) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    status, body = await jupyter.ask("GET", "/api/kernels/nobody/channels", headers=headers)
    assert (status, body["message"]) == (404, "Kernel does not exist: nobody")


async def test_a_long_session_id_is_refused(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    path = f"/api/kernels/{kernel}/channels?session_id={'x' * 201}"
    status, body = await jupyter.ask("GET", path, headers={"Upgrade": "websocket"})
    assert (status, "session_id" in body["message"]) == (400, True)


@pytest.mark.parametrize("v1", [False, True])
async def test_both_forms_are_spoken(jupyter: Jupyter, launcher: FakeLauncher, v1: bool) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, v1=v1) as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        worker.write("é")
        worker.done(run)
        told = await channel.about(asked)
    assert kinds(told) == ["busy", "execute_input", "stream", "execute_reply", "idle"]
    assert [it["channel"] for it in told] == ["iopub", "iopub", "iopub", "shell", "iopub"]
    assert reply(told)["status"] == "ok"


@pytest.mark.parametrize(
    ("frame", "code", "said"),
    [
        ("no json", 1002, "the message must be JSON"),
        ("[]", 1002, "the message must be a JSON object"),
        ("{}", 1002, "header.msg_type must be"),
        (json.dumps(request("x", channel="iopub")), 1002, "channel must be one of"),
        (json.dumps({**request("x"), "content": "x"}), 1002, "content must be an object"),
        (json.dumps({**request("x"), "metadata": "x" * 300_000}), 1009, "the message without its code"),
        (b"", 1002, "a binary message must begin"),
        (b"\0\0\0\1\0\0\0\x08" + json.dumps({"header": 1}).encode(), 1002, "header must be an object"),
    ],
)
async def test_a_message_that_is_none_closes_the_connection(
    jupyter: Jupyter, frame: str | bytes, code: int, said: str
) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        await (channel.socket.send_str(frame) if isinstance(frame, str) else channel.socket.send_bytes(frame))
        closed, reason = await channel.ended()
    assert (closed, reason.startswith(said)) == (code, True), reason


@pytest.mark.parametrize("frame", ["{}", b"", packed(request("x"))[:40]])
async def test_a_broken_v1_message_closes_the_connection(jupyter: Jupyter, frame: Any) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel, v1=True) as channel:
        await (channel.socket.send_str(frame) if isinstance(frame, str) else channel.socket.send_bytes(frame))
        code, reason = await channel.ended()
    assert (code, bool(reason)) == (1002, True)


async def test_an_unknown_subprotocol_is_not_agreed_on(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    path = f"/api/kernels/{kernel}/channels"
    async with jupyter.http.ws_connect(path, protocols=("v2.x", V1 + ".next")) as socket:
        assert socket.protocol is None


async def test_the_end_of_the_kernel_is_told(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        await channel.ask("kernel_info_request")
        await jupyter.ask("DELETE", f"/api/kernels/{kernel}")
        assert (await channel.until("status"))["content"] == {"execution_state": "dead"}  # and not "restarting"
        assert await channel.ended() == (1001, f"context deleted: {kernel}")


async def test_a_kernel_that_ends_while_a_client_connects_closes_the_connection(
    jupyter: Jupyter, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach = Session.attach

    async def attach_late(self: Session, *connection: Any) -> None:
        await self._service.delete(kernel)
        await attach(self, *connection)

    monkeypatch.setattr(Session, "attach", attach_late)
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        assert await channel.ended() == (1001, f"context deleted: {kernel}")


async def test_connections_are_counted(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()

    async def count() -> Any:
        return (await jupyter.ask("GET", f"/api/kernels/{kernel}"))[1]["connections"]

    async with jupyter.channel(kernel, "a"), jupyter.channel(kernel) as other:
        await other.ask("kernel_info_request")
        assert await count() == 2
        await other.socket.close()
        await other.ended()
        assert await count() == 1


async def test_a_session_id_may_be_any_text(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    path = URL(f"/api/kernels/{kernel}/channels?session_id=%ED%A0%80%FF%00%22%0A", encoded=True)
    async with jupyter.http.ws_connect(path) as socket:
        await socket.send_str(json.dumps(request("execute_request", {"code": "1"})))
        worker.done(await worker.run())
        while kinds([await socket.receive_json()]) != ["execute_reply"]:
            pass
    status, body = await jupyter.ask("GET", f"{PREFIX}/context/{kernel}/executions")
    assert (status, len(body["executions"])) == (200, 1)
