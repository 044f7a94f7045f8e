"""The answers to each kind of request, over fake workers."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from fake_worker import FakeLauncher
from kernels import Jupyter, kinds, reply, request

from interpreterd.dialects.jupyter.line import Line
from interpreterd.dialects.jupyter.messages import Outgoing
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Failure
from interpreterd.model.looks import Completeness, Completions, Inspection
from interpreterd.pipe.messages import Done


async def test_kernel_info_has_what_front_ends_read(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        told = await channel.ask("kernel_info_request")
    assert kinds(told) == ["busy", "kernel_info_reply", "idle"]
    info = reply(told)
    assert info.items() >= {"status": "ok", "protocol_version": "5.3", "implementation": "interpreterd"}.items()
    assert info["language_info"].items() >= {"name": "python", "version": "3.11.7", "file_extension": ".py"}.items()
    assert info["language_info"]["codemirror_mode"] == {"name": "ipython", "version": 3}
    assert info["debugger"] is False
    assert info["banner"]


@pytest.mark.parametrize(
    ("asked", "content", "found", "answer"),
    [
        (
            "complete_request",
            {"code": "im", "cursor_pos": 2},
            Completions(matches=("import",), types=("keyword",), cursor_start=0, cursor_end=2),
            {"matches": ["import"], "cursor_start": 0, "cursor_end": 2, "status": "ok"},
        ),
        (
            "inspect_request",
            {"code": "x", "cursor_pos": 1, "detail_level": 0},
            Inspection(found=True, name="x", type="int"),
            {"status": "ok", "found": True},
        ),
        ("is_complete_request", {"code": "if x:"}, Completeness(status="incomplete", indent="  "), {"indent": "  "}),
        ("is_complete_request", {"code": "x"}, Completeness(status="complete"), {"status": "complete"}),
    ],
    ids=["complete", "inspect", "incomplete", "whole"],
)
async def test_looks_take_their_turn(
    jupyter: Jupyter, launcher: FakeLauncher, asked: str, content: Any, found: Any, answer: Any
) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        sent = await channel.send(request(asked, content))
        run = await worker.run()
        worker.say(Done(execution_id=run.execution_id, found=found))
        told = await channel.about(sent)
    assert kinds(told) == ["busy", asked.replace("_request", "_reply"), "idle"]
    assert reply(told).items() >= answer.items()


@pytest.mark.parametrize(("v1", "stops", "aborted"), [(False, True, True), (False, False, False), (True, True, False)])
async def test_a_cell_that_a_front_end_has_sent_with_one_that_has_failed_is_aborted(
    jupyter: Jupyter, launcher: FakeLauncher, v1: bool, stops: bool, aborted: bool
) -> None:
    """If a server may be in between, and unless the cell that has failed lets others run."""

    def cell() -> dict[str, Any]:
        message = request("execute_request", {"code": "1", "stop_on_error": stops})
        message["header"] |= {"date": "2026-11-26T11:38:19.469Z", "subshell_id": None}
        return message

    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me", v1=v1) as channel:
        first, then = cell(), cell()
        await channel.send(first)
        worker.done(await worker.run(), Failure(name="Odd", value="no"))
        assert reply(await channel.about(first))["status"] == "error"
        await channel.send(then)
        if not aborted:
            worker.done(await worker.run())
        assert reply(await channel.about(then))["status"] == ("aborted" if aborted else "ok")


async def test_a_look_that_fails_says_why(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        sent = await channel.send(request("complete_request", {"code": "x"}))
        worker.done(await worker.run(), Failure(name="Odd", value="no"))
        told = await channel.about(sent)
    assert reply(told).items() >= {"status": "error", "evalue": "Odd: no"}.items()


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("execute_request", {"code": 1}, "content.code must be a string"),
        ("execute_request", {"code": "1", "silent": 0}, "content.silent must be true or false"),
        ("complete_request", {"code": None, "cursor_pos": "x"}, "content.code must be a string"),
        ("inspect_request", {"code": "x", "cursor_pos": []}, "content.cursor_pos must be a whole number"),
    ],
)
async def test_a_wrong_content_is_replied(jupyter: Jupyter, kind: str, content: Any, said: str) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        told = await channel.ask(kind, content)
        assert kinds(told) == ["busy", kind.replace("_request", "_reply"), "idle"]
        assert reply(told).items() >= {"status": "error", "ename": "MalformedRequest", "evalue": said}.items()
        assert reply(await channel.ask("kernel_info_request"))["status"] == "ok"


@pytest.mark.parametrize("code", ["", " \n"])
async def test_no_code_is_no_execution(jupyter: Jupyter, code: str) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        told = await channel.ask("execute_request", {"code": code})
        assert kinds(told) == ["busy", "execute_input", "execute_reply", "idle"]
        assert reply(told).items() >= {"status": "ok", "execution_count": 0}.items()
        told = await channel.ask("execute_request", {"code": code, "silent": True})
        assert kinds(told) == ["busy", "execute_reply", "idle"]


async def test_an_unknown_request_is_only_over(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        assert kinds(await channel.ask("odd_request", {"a": 1})) == ["busy", "idle"]
        assert kinds(await channel.ask("usage_request", {}, "control")) == ["busy", "idle"]


async def test_the_debugger_is_refused_in_its_own_form(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        told = await channel.ask("debug_request", {"seq": 4, "command": "debugInfo", "type": "request"}, "control")
    assert kinds(told) == ["busy", "debug_reply", "idle"]
    assert told[1]["channel"] == "control"
    assert reply(told).items() >= {"type": "response", "request_seq": 4, "success": False}.items()


async def test_an_interrupt_by_message(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        told = await channel.ask("interrupt_request", {}, "control")
        assert reply(told) == {"status": "ok"}
        await worker.interrupted.wait()
        worker.done(run, Failure(name="KeyboardInterrupt", value=""))
        assert reply(await channel.about(asked)).items() >= {"status": "error", "ename": "KeyboardInterrupt"}.items()


@pytest.mark.parametrize("restart", [True, False])
async def test_a_shutdown_by_message(jupyter: Jupyter, launcher: FakeLauncher, restart: bool) -> None:
    kernel = await jupyter.start()
    await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        told = await channel.ask("shutdown_request", {"restart": restart}, None)
        assert reply(told) == {"status": "ok", "restart": restart}
        if restart:
            await channel.until("status", execution_state="starting")
        else:
            assert (await channel.ended())[0] == 1001
            assert (await jupyter.ask("GET", f"/api/kernels/{kernel}"))[0] == 404


async def test_a_shutdown_that_fails_has_one_reply(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.ask("kernel_info_request")
        launcher.failure = WorkerStartFailed("no python")
        asked = await channel.send(request("shutdown_request", {"restart": True}, "control"))
        assert reply(await channel.about(asked)) == {"status": "ok", "restart": True}
        await channel.until("status", execution_state="dead")
        await channel.send(later := request("kernel_info_request"))
        while (message := await channel.next())["parent_header"].get("msg_id") != later["header"]["msg_id"]:
            assert message["parent_header"].get("msg_id") != asked["header"]["msg_id"]


async def test_a_look_that_is_answered_at_once_is_busy_first(
    jupyter: Jupyter, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    send = Line.send
    answered = asyncio.Event()

    async def send_slowly(self: Line, messages: Iterable[Outgoing]) -> None:
        messages = list(messages)
        if any(b"busy" in it.content for it in messages) and not answered.is_set():
            worker.done(await worker.run())
            answered.set()
            for _ in range(20):  # turns, in which an answer could come first
                await asyncio.sleep(0)
        await send(self, messages)

    monkeypatch.setattr(Line, "send", send_slowly)
    async with jupyter.channel(kernel) as channel:
        assert kinds(await channel.ask("complete_request", {"code": "a"})) == ["busy", "complete_reply", "idle"]
