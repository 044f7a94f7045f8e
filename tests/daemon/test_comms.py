"""Comms through a real daemon: widgets, followers, hostile code and hostile clients."""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from following import following, messages
from harness import Client
from on_session import Session, open_session
from standing import SharedDaemon

OPEN = "manager = get_ipython().kernel.comm_manager\nmake = type(manager).comm_open.__globals__['create_comm']\n"
PRELOADED = (
    "import sys\nassert 'ipywidgets' in sys.modules\nimport ipywidgets\nslider = ipywidgets.IntSlider()\n"
    "slider.observe(lambda change: print('moved to', change['new']), 'value')"
)
ECHO = (
    "def opened(comm, message):\n"
    "    comm.on_msg(lambda it: comm.send(it['content']['data'], buffers=it['buffers']))\n"
    "get_ipython().kernel.comm_manager.register_target('echo', opened)"
)


async def run(session: Session, request_id: str, code: str, **keys: Any) -> list[dict[str, Any]]:
    """Run code, which must not fail; return its events."""
    await session.send(op="execute", requestId=request_id, code=code, **keys)
    events = await session.wait(request_id)
    assert [it for it in events if it["type"] == "error"] == []
    return events


async def to_comm(session: Session, request_id: str, comm_id: str, **keys: Any) -> list[dict[str, Any]]:
    await session.send(op="comm", requestId=request_id, commId=comm_id, **keys)
    return await session.wait(request_id)


def comms(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [it for it in events if it["type"] == "comm"]


async def test_a_slider_moves_and_all_clients_see_it(standing: Callable[..., SharedDaemon]) -> None:
    url = standing("--python", sys.executable).url  # which has ipywidgets
    async with Client(url) as client, open_session(client) as session:
        context = (await client.request("POST", "/context"))[1]["id"]
        code = (
            "import ipywidgets\nslider = ipywidgets.IntSlider()\n"
            "slider.observe(lambda change: print('moved to', change['new']), 'value')\ndisplay(slider)"
        )
        events = await run(session, "a", code, contextId=context)
        opened = [it for it in comms(events) if it["action"] == "open"]
        (view,) = [it["data"] for it in events if it["type"] == "display"]
        comm_id = view["application/vnd.jupyter.widget-view+json"]["model_id"]
        assert comm_id in [it["commId"] for it in opened]
        async with following(client, f"/context/{context}/events", "ndjson") as feed:
            data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
            events = await to_comm(session, "b", comm_id, contextId=context, data=data, origin="ada")
            assert session.output("b") == "moved to 7\n"
            followed = []
            async for event in feed:
                followed.append(event)
                if event.get("text") == "completed":
                    break
        assert [it["type"] for it in followed[:2]] == ["submitted", "control"]
        assert (followed[0]["comm"], followed[0]["code"], followed[0]["origin"]) == (True, "", "ada")
        assert "moved to 7\n" in [it.get("text") for it in followed]
        _, shown = await client.request("GET", f"/context/{context}")
        assert shown["executionCount"] == 1
        _, listed = await client.request("GET", f"/context/{context}/executions")
        assert len(listed["executions"]) == 1
        _, found = await client.request("GET", f"/context/{context}/comms?target=jupyter.widget")
        assert comm_id in [it["commId"] for it in found["comms"]]


async def test_widgets_that_a_template_has_imported_work_as_well(standing: Callable[..., SharedDaemon]) -> None:
    url = standing("--python", sys.executable, "--preload", "ipywidgets").url
    async with Client(url) as client, open_session(client) as session:
        events = await run(session, "a", PRELOADED)
        slider = comms(events)[-1]["commId"]
        await to_comm(session, "b", slider, data={"method": "update", "state": {"value": 7}, "buffer_paths": []})
        assert session.output("b") == "moved to 7\n"
        version = {"version": "1.0.0"}
        target = "jupyter.widget.control"
        await to_comm(session, "c", "control", action="open", target=target, metadata=version)
        events = await to_comm(session, "d", "control", data={"method": "request_states"})
        (answer,) = [it["data"] for it in comms(events)]
        assert answer["states"][slider]["state"]["value"] == 7


async def test_data_and_buffers_come_back_as_they_were(client: Client) -> None:
    async with open_session(client) as session:
        await run(session, "a", ECHO)
        await to_comm(session, "b", "c", action="open", target="echo")
        data = {"text": "日本 \x00 \"'", "number": 1.5, "list": [None, True]}
        big = base64.b64encode(bytes(range(256)) * 4096).decode()
        events = await to_comm(session, "c", "c", data=data, buffers=[big, ""])
        (answer,) = comms(events)
        assert (answer["data"], answer["buffers"]) == (data, [big, ""])


async def test_what_goes_wrong_is_told_and_no_more(client: Client) -> None:
    async with open_session(client) as session:
        events = await to_comm(session, "a", "nobody")
        assert [it["name"] for it in events if it["type"] == "error"] == ["LookupError"]
        events = await to_comm(session, "b", "c", action="open", target="nobody")
        assert [(it["action"], it["commId"]) for it in comms(events)] == [("close", "c")]
        code = "def opened(comm, message): comm.on_msg(lambda it: 1 / 0)\n"
        await run(session, "c", code + "get_ipython().kernel.comm_manager.register_target('t', opened)")
        await to_comm(session, "d", "d", action="open", target="t")
        events = await to_comm(session, "e", "d")
        assert [it["name"] for it in events if it["type"] == "error"] == ["ZeroDivisionError"]
        await session.send(op="comm", requestId="f", commId="")
        (error, refused) = await session.wait("f")
        assert error["value"].startswith("commId must be")
        assert refused["text"] == "refused"
        await run(session, "g", "print('alive')")
        assert session.output("g") == "alive\n"


async def test_a_flood_of_messages_is_complete_and_in_order(client: Client) -> None:
    code = OPEN + "comm = make('t')\nfor n in range(10_000): comm.send({'n': n})"
    headers = {"Accept": "application/x-ndjson"}
    async with client.http.post(client.base + "/execute", json={"code": code}, headers=headers) as response:
        sent = [it["data"] async for it in messages(response) if it.get("action") == "message"]
    assert sent == [{"n": n} for n in range(10_000)]


async def test_the_largest_message_passes_and_a_larger_one_is_an_error_of_the_code(client: Client) -> None:
    code = OPEN + "comm = make('t')\ncomm.send(buffers=[bytes(15 << 20)])\ncomm.send(buffers=[bytes(17 << 20)])"
    headers = {"Accept": "application/x-ndjson"}
    async with client.http.post(client.base + "/execute", json={"code": code}, headers=headers) as response:
        told = [event async for event in messages(response)]
    assert [len(it["buffers"][0]) for it in told if it["type"] == "comm" and it["buffers"]] == [20 << 20]
    (error,) = [it for it in told if it["type"] == "error"]
    assert (error["name"], error["value"]) == ("ValueError", "the message of a comm is larger than 16 MiB, the limit")


@pytest.mark.parametrize(
    "header",
    [
        {"kind": "comm", "action": "open", "id": "c", "target": "t", "buffers": [5]},
        {"kind": "comm", "action": "shout", "id": "c"},
        {"kind": "evaluated"},
    ],
)
async def test_nonsense_on_the_display_pipe_costs_the_worker_alone(client: Client, header: dict[str, Any]) -> None:
    line = json.dumps({**header, "sizes": {"application/json": 2}})
    code = (
        "send = type(exit).__call__.__globals__['__builtins__']['__import__']('worker.publisher').publisher\n"
        f"send._publisher.send({line!r}.encode(), b'{{}}', None)\nwhile True: pass"
    )
    context = (await client.request("POST", "/context"))[1]["id"]
    _, answer = await client.request("POST", "/execute", json={"code": code, "contextId": context})
    assert answer["error"]["name"] == "WorkerDied"
    assert "protocol" in answer["error"]["value"]
    _, answer = await client.request("POST", "/execute", json={"code": "print(1)", "contextId": context})
    assert answer["stdout"] == "1\n"
