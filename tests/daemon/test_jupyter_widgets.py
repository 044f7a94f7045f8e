"""ipywidgets through Jupyter's API: what a front end sees and sends when a user moves a widget."""

import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from kernels import Channel, Jupyter, kinds, reply, text
from kernels import request as request_to
from standing import SharedDaemon

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=[False, True], ids=["json", "v1"])
async def channels(
    standing: Callable[..., SharedDaemon], request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Channel, Channel]]:
    """Yield two clients of a kernel whose Python has ipywidgets."""
    async with Jupyter.at(standing("--python", sys.executable).url) as jupyter:
        kernel = await jupyter.start()
        async with (
            jupyter.channel(kernel, "one", v1=request.param) as channel,
            jupyter.channel(kernel, "two", v1=request.param) as other,
        ):
            yield channel, other


def contents(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [it["content"] for it in messages if it["msg_type"] == kind]


async def shown(channel: Channel, code: str) -> str:
    """Run code that shows a widget; return the widget's id."""
    told = await channel.execute("import ipywidgets\nfrom IPython.display import display\n" + code)
    assert reply(told)["status"] == "ok", reply(told)
    view = contents(told, "display_data")[-1]["data"][VIEW]
    assert view["model_id"] in [it["comm_id"] for it in contents(told, "comm_open")]
    assert {it["target_name"] for it in contents(told, "comm_open")} == {"jupyter.widget"}
    return str(view["model_id"])


def update(comm_id: str, **state: Any) -> dict[str, Any]:
    return {"comm_id": comm_id, "data": {"method": "update", "state": state, "buffer_paths": []}}


def states_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [it["data"]["state"] for it in contents(messages, "comm_msg") if it["data"]["method"] == "update"]


async def test_a_slider_moves_and_its_function_runs(channels: tuple[Channel, Channel]) -> None:
    channel, other = channels
    slider = await shown(
        channel,
        "s = ipywidgets.IntSlider()\ns.observe(lambda it: print('moved to', it['new']), 'value')\ndisplay(s)",
    )
    told = await channel.ask("comm_msg", update(slider, value=7))
    assert kinds(told)[0] == "busy"
    assert kinds(told)[-1] == "idle"
    assert text(told) == "moved to 7\n"
    assert contents(await channel.execute("s.value"), "execute_result")[0]["data"] == {"text/plain": "7"}
    seen = await other.until("stream")
    assert seen["content"]["text"] == "moved to 7\n", "every client sees what a widget does"
    assert seen["parent_header"]["msg_type"] == "comm_msg"
    told = await channel.execute("s.value = 9")
    assert states_of(told) == [{"value": 9}]


async def test_output_belongs_to_the_request_that_an_output_widget_names(channels: tuple[Channel, Channel]) -> None:
    channel, _ = channels
    button = await shown(
        channel,
        "out = ipywidgets.Output()\nbutton = ipywidgets.Button()\n"
        "@out.capture()\ndef clicked(it): print('clicked')\nbutton.on_click(clicked)\ndisplay(button)",
    )
    data = {"method": "custom", "content": {"event": "click"}}
    told = await channel.ask("comm_msg", {"comm_id": button, "data": data})
    asked = told[0]["parent_header"]["msg_id"]
    assert [it["msg_id"] for it in states_of(told) if "msg_id" in it] == [asked, ""]
    assert text(told) == "clicked\n"


async def test_interact_calls_its_function(channels: tuple[Channel, Channel]) -> None:
    channel, _ = channels
    await shown(channel, "@ipywidgets.interact(x=(0, 10))\ndef f(x=2):\n    print('x is', x)")
    told = await channel.execute("print(f.widget.children[0].comm.comm_id)")
    told = await channel.ask("comm_msg", update(text(told).strip(), value=5))
    assert text(told) == "x is 5\n"


async def test_a_front_end_that_comes_later_asks_for_all_states(channels: tuple[Channel, Channel]) -> None:
    channel, other = channels
    slider = await shown(channel, "s = ipywidgets.IntSlider(value=3); display(s)")
    comms = reply(await other.ask("comm_info_request", {"target_name": "jupyter.widget"}))["comms"]
    assert slider in comms
    control = {"comm_id": "control", "target_name": "jupyter.widget.control", "data": {}}
    asked = await other.send({**request_to("comm_open", control), "metadata": {"version": "1.0.0"}})
    await other.about(asked)
    told = await other.ask("comm_msg", {"comm_id": "control", "data": {"method": "request_states"}})
    (answer,) = [it["data"] for it in contents(told, "comm_msg") if it["data"]["method"] == "update_states"]
    assert answer["states"][slider]["state"]["value"] == 3
