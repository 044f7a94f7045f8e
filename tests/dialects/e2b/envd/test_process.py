"""The service for processes, of a real daemon, with a client that knows only Connect."""

import asyncio
import base64
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from connecting import Rpc, following, text_of
from harness import Client, Daemon, gone

START = "process.Process/Start"
KILLED = {"exitCode": -1, "status": "signal: killed", "error": "signal: killed"}


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"process": {"cmd": "/bin/sh", "args": ["-c", script], **more}, "stdin": False}


def end_of(events: list[Any]) -> Any:
    """Return how a command has ended, from a stream that ended well."""
    assert events[-1] == {}, events[-1]
    return events[-2]["event"]["end"]


async def test_a_command_is_told_from_its_start_to_its_end(rpc: Rpc, tmp_path: Path) -> None:
    script = "pwd; echo $FOO; echo oops >&2; exit 3"
    events = await rpc.stream(START, shell(script, cwd=str(tmp_path), envs={"FOO": "bär"}))
    assert events[0]["event"]["start"]["pid"] > 0
    assert text_of(events) == f"{tmp_path}\nbär\n"
    assert text_of(events, "stderr") == "oops\n"
    assert end_of(events) == {"exitCode": 3, "exited": True, "status": "exit status 3", "error": "exit status 3"}


async def test_all_that_it_writes_arrives(rpc: Rpc) -> None:
    events = await rpc.stream(START, shell("head -c 3000000 /dev/zero | tr '\\0' x; echo end"))
    assert text_of(events) == "x" * 3_000_000 + "end\n"
    assert end_of(events) == {"exited": True, "status": "exit status 0"}


async def test_input_and_its_end(rpc: Rpc) -> None:
    async with rpc.open(START, shell("cat") | {"stdin": True, "tag": "cat"}) as response:
        events = following(response)
        pid = (await anext(events))["event"]["start"]["pid"]
        assert await rpc.call("process.Process/List") == (
            200,
            {"processes": [{"config": shell("cat")["process"], "pid": pid, "tag": "cat"}]},
        )
        for selector in ({"pid": pid}, {"tag": "cat"}):
            message = {"process": selector, "input": {"stdin": base64.b64encode(b"line\n").decode()}}
            assert await rpc.call("process.Process/SendInput", **message) == (200, {})
        given = [{"start": {"process": {"pid": pid}}}, {"keepalive": {}}, {"data": {"input": {"stdin": "bW9yZQ=="}}}]
        assert await rpc.stream("process.Process/StreamInput", *given) == [{}, {}]
        assert await rpc.call("process.Process/CloseStdin", process={"pid": pid}) == (200, {})
        rest = [event async for event in events if event][:]
        assert text_of(rest) == "line\nline\nmore"


@pytest.mark.parametrize("number", ["SIGNAL_SIGTERM", "SIGNAL_SIGKILL"])
async def test_a_signal_ends_it(rpc: Rpc, number: str) -> None:
    async with rpc.open(START, shell("exec sleep 1000")) as response:
        events = following(response)
        selector = {"pid": (await anext(events))["event"]["start"]["pid"]}
        assert await rpc.call("process.Process/SendSignal", process=selector, signal=number) == (200, {})
        end = (await anext(events))["event"]["end"]
        assert end["status"] == ("signal: killed" if number.endswith("KILL") else "signal: terminated")
        assert await anext(events) == {}
    status, error = await rpc.call("process.Process/SendSignal", process=selector, signal=number)
    assert (status, error["code"]) == (404, "not_found")


async def test_it_goes_on_without_its_client_and_has_others(rpc: Rpc) -> None:
    async with rpc.open(START, shell("read x; echo $x; read y") | {"stdin": True}) as response:
        pid = (await anext(following(response)))["event"]["start"]["pid"]
    selector = {"process": {"pid": pid}}
    async with (
        rpc.open("process.Process/Connect", selector, Keepalive_Ping_Interval="60") as one,
        rpc.open("process.Process/Connect", selector) as two,
    ):
        both = [following(it) for it in (one, two)]
        assert [await anext(it) for it in both] == [{"event": {"start": {"pid": pid}}}] * 2
        await rpc.call("process.Process/SendInput", **selector, input={"stdin": "aGkK"})
        assert [text_of([await anext(it)]) for it in both] == ["hi\n"] * 2
        await rpc.call("process.Process/SendSignal", **selector, signal="SIGNAL_SIGKILL")
        assert [(await anext(it))["event"]["end"] for it in both] == [KILLED] * 2


async def test_its_time_is_that_of_its_client(rpc: Rpc) -> None:
    events = await rpc.stream(START, shell("exec sleep 1000"), Connect_Timeout_Ms="500")
    assert events[-1]["error"]["code"] == "deadline_exceeded"
    for start in events[:-1]:  # on a busy machine it may not have started
        selector = {"pid": start["event"]["start"]["pid"]}
        (*_, end) = await rpc.stream("process.Process/Connect", {"process": selector})
        assert end in ({}, {"error": {"code": "not_found", "message": f"no process has the pid {selector['pid']}"}})


async def test_a_terminal(rpc: Rpc) -> None:
    request = shell("stty size; read line; stty size") | {"pty": {"size": {"cols": 80, "rows": 24}}}
    async with rpc.open(START, request) as response:
        events = following(response)
        selector = {"pid": (await anext(events))["event"]["start"]["pid"]}
        told = text_of([await anext(events)], "pty")
        while "24 80" not in told:
            told += text_of([await anext(events)], "pty")
        size = {"size": {"cols": 100, "rows": 30}}
        assert await rpc.call("process.Process/Update", process=selector, pty=size) == (200, {})
        assert await rpc.call("process.Process/SendInput", process=selector, input={"pty": "Cg=="}) == (200, {})
        rest = [event async for event in events if event]
    assert "30 100" in text_of(rest, "pty")


async def test_no_command_outlives_the_daemon(daemon: Daemon) -> None:
    script = "trap '' TERM INT HUP; setsid sleep 1000 & echo $!; exec sleep 1000"
    async with aiohttp.ClientSession(daemon.url) as http, Rpc(http).open(START, shell(script)) as response:
        events = following(response)
        pid = (await anext(events))["event"]["start"]["pid"]
        child = int(text_of([await anext(events)]))
        daemon.process.send_signal(signal.SIGKILL)
        await gone(pid, child)
        await daemon.ended()


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({}, "invalid_argument", "process.cmd must not be empty"),
        (shell("", cwd="/nowhere"), "invalid_argument", "cwd must be an existing directory, not /nowhere"),
        ({"process": {"cmd": "nowhere"}}, "invalid_argument", "there is no program of the name nowhere"),
        (shell("") | {"pty": {"size": {"rows": 65536}}}, "invalid_argument", "must have rows and cols below 65536"),
    ],
)
async def test_what_cannot_start_is_refused(rpc: Rpc, request_: Any, code: str, words: str) -> None:
    (end,) = await rpc.stream(START, request_)
    assert end["error"]["code"] == code
    assert words in end["error"]["message"]


@pytest.mark.parametrize(
    ("method", "message", "code"),
    [
        ("SendInput", {"process": {"pid": 1}, "input": {"stdin": ""}}, "not_found"),
        ("SendInput", {}, "invalid_argument"),
        ("SendSignal", {"process": {"tag": "x"}, "signal": 9}, "not_found"),
        ("Update", {"process": {}}, "invalid_argument"),
        ("CloseStdin", {"process": {"pid": 4294967295}}, "not_found"),
    ],
)
async def test_what_is_not_there_is_refused(rpc: Rpc, method: str, message: Any, code: str) -> None:
    _, error = await rpc.call(f"process.Process/{method}", **message)
    assert error["code"] == code
    assert error["message"]


async def test_what_does_not_fit_is_refused(rpc: Rpc) -> None:
    async with rpc.open(START, shell("exec sleep 1000")) as response:
        selector = {"pid": (await anext(following(response)))["event"]["start"]["pid"]}
        for message, words in (
            ({"input": {"stdin": "aGk="}}, "the command has no stdin, or it is closed"),
            ({"input": {"pty": "aGk="}}, "the process has no pty: input must fit"),
            ({"input": {}}, "input must have stdin or pty"),
        ):
            _, error = await rpc.call("process.Process/SendInput", process=selector, **message)
            assert error["message"] == words
        _, error = await rpc.call("process.Process/SendSignal", process=selector)
        assert error["message"] == "signal must be SIGNAL_SIGTERM or SIGNAL_SIGKILL"
        (end,) = await rpc.stream("process.Process/StreamInput", {"data": {"input": {"stdin": ""}}})
        assert end["error"]["message"] == "the stream must begin with start"
        await rpc.call("process.Process/SendSignal", process=selector, signal="SIGNAL_SIGKILL")


async def test_what_it_leaves_running_goes_on_and_is_not_listed(rpc: Rpc, client: Client, tmp_path: Path) -> None:
    asked, told = tmp_path / "asked", tmp_path / "told"
    os.mkfifo(asked)
    os.mkfifo(told)
    events = await rpc.stream(START, shell(f"(read x <{asked}; echo $x >{told}) & echo ready"))
    assert text_of(events) == "ready\n"
    assert end_of(events)["exited"]
    _, listed = await client.request("GET", "/contexts")
    assert [it["id"] for it in listed["contexts"] if it["id"] != "default"] == []
    await asyncio.to_thread(asked.write_text, "hi\n")
    assert await asyncio.to_thread(told.read_text) == "hi\n"
