"""Comms: opened by code or by a client, by the package ``comm`` or without it."""

import json
from typing import Any

import pytest
from publishing import bundles, ran, to_comm, told
from worker_driver import DrivenWorker, Ran
from worker_looks import look

from interpreterd.model.comms import CommMessage, comm_content

OPEN = "manager = get_ipython().kernel.comm_manager\nmake = type(manager).comm_open.__globals__['create_comm']\n"


def messages(ran_: Ran) -> list[tuple[str, str, Any]]:
    """Return action, id and data of what was sent."""
    events = [bundle.event for bundle in bundles(ran_)]
    return [(it.action, it.comm_id, json.loads(it.data.text)) for it in events if isinstance(it, CommMessage)]


def test_code_opens_sends_and_closes(worker: DrivenWorker) -> None:
    code = (
        "comm = make('t', {'a': 1}, {'v': 2}, [b'\\0\\1'], comm_id='c')\n"
        "comm.send({'b': [1.5, None]}, buffers=[memoryview(b'xy'), bytearray()])\ncomm.close(); comm.close()"
    )
    opened, sent, closed = told(worker, OPEN + code)
    assert isinstance(opened, CommMessage)
    assert (opened.action, opened.comm_id, opened.target, opened.buffers) == ("open", "c", "t", (b"\0\1",))
    assert opened.metadata is not None
    assert (opened.data.text, opened.metadata.text) == ('{"a":1}', '{"v":2}')
    assert isinstance(sent, CommMessage)
    assert (sent.action, sent.data.text, sent.buffers) == ("message", '{"b":[1.5,null]}', (b"xy", b""))
    assert isinstance(closed, CommMessage)
    assert (closed.action, closed.data.text) == ("close", "{}")


def test_a_client_opens_sends_and_closes(worker: DrivenWorker) -> None:
    worker.printed(
        "def opened(comm, message):\n"
        "    print('opened', comm.comm_id, comm.target_name, message['content'], message['metadata'])\n"
        "    def answer(it):\n"
        "        comm.send({'got': it['content']['data'], 'with': [bytes(each).hex() for each in it['buffers']]})\n"
        "    comm.on_msg(answer)\n"
        "    comm.on_close(lambda it: print('closed', it['content']['data']))\n"
        "get_ipython().kernel.comm_manager.register_target('t', opened)"
    )
    done = to_comm(worker, "open", "c", comm_content('{"a":1}', '{"v":2}'), target="t")
    assert done.stdout == "opened c t {'comm_id': 'c', 'data': {'a': 1}, 'target_name': 't'} {'v': 2}\n"
    done = to_comm(worker, "message", "c", comm_content("[1]", "{}", [b"\x01\xff"]))
    assert messages(done) == [("message", "c", {"got": [1], "with": ["01ff"]})]
    assert look(worker, "comms", target="")["comms"] == [{"id": "c", "target": "t"}]
    assert look(worker, "comms", target="other")["comms"] == []
    assert to_comm(worker, "close", "c", comm_content('{"b":2}')).stdout == "closed {'b': 2}\n"
    assert look(worker, "comms", target="")["comms"] == []
    assert to_comm(worker, "close", "c").error is None, "a comm may be closed by both sides"


def test_a_comm_for_an_unknown_target_is_closed_again(worker: DrivenWorker) -> None:
    done = to_comm(worker, "open", "c", target="nobody")
    assert done.error is None
    assert messages(done) == [("close", "c", {})]


def test_a_message_for_an_unknown_comm_is_an_error(worker: DrivenWorker) -> None:
    error = to_comm(worker, "message", "nobody").error
    assert error is not None
    assert (error["name"], error["value"]) == ("LookupError", "no comm is open with the id nobody")


def test_a_function_that_fails_is_an_error_and_no_more(worker: DrivenWorker) -> None:
    worker.printed(
        "def opened(comm, message):\n    comm.on_msg(lambda it: 1 / 0)\n"
        "manager = get_ipython().kernel.comm_manager\nmanager.register_target('t', opened)\n"
        "manager.register_target('wrong', lambda comm, message: nobody)"
    )
    error = to_comm(worker, "open", "w", target="wrong").error
    assert error is not None
    assert error["name"] == "NameError"
    assert to_comm(worker, "open", "c", target="t").error is None
    error = to_comm(worker, "message", "c").error
    assert error is not None
    assert error["name"] == "ZeroDivisionError"
    assert "interpreterd" not in error["traceback"]
    assert worker.printed("print(list(manager.comms))") == "['c']\n"


def test_code_sees_whose_message_it_is(worker: DrivenWorker) -> None:
    worker.printed(
        "get_ipython().kernel.comm_manager.register_target("
        "'t', lambda comm, it: print(it['header']['msg_id'], get_ipython().kernel.get_parent()['header']['msg_id']))"
    )
    assert to_comm(worker, "open", "c", target="t", messageId="m").stdout == "m m\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("comm.send({'a': object()})", "TypeError"),
        ("comm.send(buffers=[b'x'] * 1025)", "ValueError"),
        ("comm.send(buffers=[memoryview(b'abcd')[::2]])", "ValueError"),
        ("comm.send(buffers=['text'])", "TypeError"),
        ("comm.send(buffers=[bytes(17 << 20)])", "ValueError"),
        ("comm.send('x' * (17 << 20))", "ValueError"),
        ("comm.send([0] * (2 << 20))", "ValueError"),
        ("make('t' * 1001)", "ValueError"),
        ("make('t', comm_id='c' * 1001)", "ValueError"),
        ("a = []; a.append(a); comm.send(a)", "ValueError"),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_its_code(worker: DrivenWorker, code: str, name: str) -> None:
    worker.run(OPEN + "comm = make('t')")
    done = ran(worker, code)
    assert done.error is not None
    assert done.error["name"] in (name, "RecursionError")
    assert bundles(done) == []
    assert worker.printed("print(len(manager.comms))") == "1\n"


def test_data_may_have_what_jupyter_takes(worker: DrivenWorker) -> None:
    code = (
        "import datetime, pathlib\ncomm = make('t', comm_id='c')\n"
        "comm.send([datetime.date(2026, 1, 2), b'\\0', {1}, range(2), pathlib.Path('a'), float('nan')])"
    )
    done = ran(worker, OPEN + code)
    assert messages(done)[-1] == ("message", "c", ["2026-01-02", "AA==", [1], [0, 1], "a", None])


@pytest.mark.xdist_group("libraries")
def test_the_package_makes_them_here(library_worker: DrivenWorker) -> None:
    code = (
        "import comm\nfrom comm.base_comm import BaseComm\n"
        "made = comm.create_comm(target_name='t', comm_id='package')\n"
        "print(isinstance(made, BaseComm), comm.get_comm_manager() is get_ipython().kernel.comm_manager)\nmade.close()"
    )
    done = ran(library_worker, code)
    assert done.stdout == "True True\n"
    assert [it[:2] for it in messages(done)] == [("open", "package"), ("close", "package")]
