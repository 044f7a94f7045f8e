"""ipywidgets: widgets open comms, clients move them, and what their functions show goes where it belongs."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from publishing import bundles, ran, to_comm
from worker_driver import DrivenWorker, Ran

from interpreterd.model.comms import CommMessage, comm_content

pytestmark = pytest.mark.xdist_group("widgets")
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def with_widgets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenWorker]:
    """Yield a worker that has imported ipywidgets, for this module: others replace parts of theirs."""
    with DrivenWorker(sys.executable, tmp_path_factory.mktemp("widgets")) as worker:
        assert worker.run("import ipywidgets").error is None
        yield worker


@pytest.fixture
def widgets(with_widgets: DrivenWorker) -> Iterator[DrivenWorker]:
    """Yield that worker; afterwards no widget is left."""
    yield with_widgets
    with_widgets.run("ipywidgets.Widget.close_all()")


def sent(done: Ran) -> list[CommMessage]:
    """Return the messages of comms, and check that all else is well."""
    assert done.error is None, done.error["traceback"]
    return [bundle.event for bundle in bundles(done) if isinstance(bundle.event, CommMessage)]


def updates(done: Ran) -> list[dict[str, Any]]:
    """Return the states that were sent."""
    datas = [json.loads(it.data.text) for it in sent(done) if it.action == "message"]
    return [data["state"] for data in datas if data["method"] == "update"]


def move(worker: DrivenWorker, widget: str, **more: Any) -> Ran:
    """Change a widget's state as a front end does; ``widget`` is an expression."""
    comm_id = worker.printed(f"print({widget}.comm.comm_id)").strip()
    data = {"method": "update", "state": more, "buffer_paths": []}
    return to_comm(worker, "message", comm_id, comm_content(json.dumps(data)), messageId="moved")


def test_a_slider_moves_and_its_function_runs(widgets: DrivenWorker) -> None:
    done = ran(
        widgets,
        "slider = ipywidgets.IntSlider()\n"
        "slider.observe(lambda change: print('moved to', change['new']), 'value')\ndisplay(slider)",
    )
    opened = sent(done)
    assert {(it.action, it.target) for it in opened} == {("open", "jupyter.widget")}
    (shown,) = [bundle for bundle in bundles(done) if bundle.kind == "display"]
    assert json.loads(shown.data[VIEW].text)["model_id"] == opened[-1].comm_id  # type: ignore[union-attr]
    assert shown.data["text/plain"] == "IntSlider(value=0)"
    assert move(widgets, "slider", value=7).stdout == "moved to 7\n"
    assert widgets.printed("print(slider.value)") == "7\n"
    assert updates(ran(widgets, "slider.value = 9")) == [{"value": 9}]


def test_a_button_and_its_message_of_its_own(widgets: DrivenWorker) -> None:
    widgets.run("button = ipywidgets.Button()\nbutton.on_click(lambda it: print('clicked'))")
    comm_id = widgets.printed("print(button.comm.comm_id)").strip()
    data = json.dumps({"method": "custom", "content": {"event": "click"}})
    assert to_comm(widgets, "message", comm_id, comm_content(data)).stdout == "clicked\n"


def test_binary_state_goes_both_ways(widgets: DrivenWorker) -> None:
    opened = sent(ran(widgets, "image = ipywidgets.Image(value=b'\\x00picture')"))
    assert opened[-1].buffers == (b"\x00picture",)
    comm_id = opened[-1].comm_id
    data = json.dumps({"method": "update", "state": {}, "buffer_paths": [["value"]]})
    to_comm(widgets, "message", comm_id, comm_content(data, "{}", [b"\xffother"]))
    assert widgets.printed("print(bytes(image.value))") == "b'\\xffother'\n"


def test_an_output_widget_takes_what_is_shown_within_it(widgets: DrivenWorker) -> None:
    done = ran(widgets, "out = ipywidgets.Output()\nwith out:\n    print('inside')", messageId="m")
    assert [state["msg_id"] for state in updates(done)] == ["m", ""]
    assert done.stdout == "inside\n"
    done = ran(widgets, "with out:\n    1 / 0\nprint('goes on')", messageId="m2")
    assert [state["msg_id"] for state in updates(done)] == ["m2", ""]
    assert "ZeroDivisionError" in done.stderr
    assert done.stdout == "goes on\n"
    widgets.run(
        "@out.capture()\ndef show(change): print('captured', change['new'])\n"
        "slider = ipywidgets.IntSlider()\nslider.observe(show, 'value')"
    )
    done = move(widgets, "slider", value=3)
    assert [state["msg_id"] for state in updates(done) if "msg_id" in state] == ["moved", ""]
    assert done.stdout == "captured 3\n"


def test_interact_calls_its_function_at_once_and_at_each_move(widgets: DrivenWorker) -> None:
    done = ran(widgets, "@ipywidgets.interact(x=(0, 10))\ndef f(x=2):\n    print('x is', x)\n    return x * 2")
    assert done.stdout == "x is 2\n"
    assert done.error is None
    kinds = [(bundle.kind, bundle.data.get("text/plain", "")) for bundle in bundles(done) if bundle.event is None]
    assert kinds[:2] == [("clear", ""), ("display", "4")]
    widgets.run("slider = f.widget.children[0]")
    done = move(widgets, "slider", value=5)
    assert done.stdout == "x is 5\n"
    assert ("display", "10") in [(it.kind, it.data.get("text/plain")) for it in bundles(done)]


def test_a_figure_of_interact_is_shown_within_its_widget(widgets: DrivenWorker) -> None:
    widgets.run("import matplotlib.pyplot as plt")
    done = ran(widgets, "@ipywidgets.interact(x=2)\ndef f(x): plt.plot([1, x])", messageId="m")
    told = [
        "figure" if "image/png" in bundle.data else json.loads(bundle.event.data.text)["state"].get("msg_id")
        for bundle in bundles(done)
        if "image/png" in bundle.data or (isinstance(bundle.event, CommMessage) and bundle.event.action == "message")
    ]
    assert [it for it in told if it is not None] == ["m", "figure", ""]


def test_a_function_that_fails_shows_its_traceback(widgets: DrivenWorker) -> None:
    widgets.run("slider = ipywidgets.IntSlider()\nslider.observe(lambda change: nobody, 'value')")
    done = move(widgets, "slider", value=1)
    assert "NameError: name 'nobody' is not defined" in done.stderr
    assert widgets.printed("print(slider.value)") == "1\n"


def test_a_front_end_asks_for_all_states(widgets: DrivenWorker) -> None:
    widgets.run("slider = ipywidgets.IntSlider(value=3)")
    content = comm_content("{}", '{"version": "1.0.0"}')
    done = to_comm(widgets, "open", "control", content, target="jupyter.widget.control")
    assert done.error is None
    data = json.dumps({"method": "request_states"})
    (answer,) = sent(to_comm(widgets, "message", "control", comm_content(data)))
    states = json.loads(answer.data.text)
    assert states["method"] == "update_states"
    assert 3 in [it["state"].get("value") for it in states["states"].values()]


def test_the_shell_of_an_installed_ipython_is_the_one_here(widgets: DrivenWorker) -> None:
    code = (
        "import IPython, IPython.core.getipython\nfrom IPython.core.getipython import get_ipython as named\n"
        "found = [IPython.get_ipython, IPython.core.getipython.get_ipython, named]\n"
        "print([it() is get_ipython() for it in found])"
    )
    assert widgets.printed(code) == "[True, True, True]\n"
