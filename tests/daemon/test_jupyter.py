"""Jupyter's API end to end: kernels, and everything that a client may ask of one."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness import PREFIX, Gate
from kernels import Channel, Jupyter, kinds, reply, request, text


@pytest.fixture
async def jupyter(url: str) -> AsyncIterator[Jupyter]:
    """Yield a client of the shared daemon."""
    async with Jupyter.at(url) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["json", "v1"])
async def channel(jupyter: Jupyter, request: pytest.FixtureRequest) -> AsyncIterator[Channel]:
    """Yield a connection to a kernel, in each form."""
    async with jupyter.channel(await jupyter.start(), v1=request.param) as channel:
        yield channel


def contents(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the contents of all messages of a type."""
    return [it["content"] for it in messages if it["msg_type"] == kind]


async def test_code_of_every_outcome(channel: Channel) -> None:
    told = await channel.execute("import sys\nprint('hé')\nprint('e', file=sys.stderr)\n6 * 7")
    assert kinds(told)[:2] == ["busy", "execute_input"]
    assert kinds(told)[-3:] == ["execute_result", "execute_reply", "idle"]
    assert (text(told), text(told, "stderr")) == ("hé\n", "e\n")
    assert contents(told, "execute_result") == [{"data": {"text/plain": "42"}, "metadata": {}, "execution_count": 1}]
    assert reply(told) == {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}
    told = await channel.execute("1 / 0")
    (error,) = contents(told, "error")
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "\x1b[31mZeroDivisionError\x1b[39m" in error["traceback"][-1]
    assert reply(told).items() >= {"status": "error", "execution_count": 2, **error}.items()


async def test_what_is_shown_comes_as_display_data(channel: Channel) -> None:
    told = await channel.execute(
        "from IPython.display import display, clear_output, HTML\n"
        "it = display(HTML('<b>1</b>'), display_id='x')\nit.update(HTML('2'))\nclear_output(wait=True)"
    )
    (shown,), (update,) = contents(told, "display_data"), contents(told, "update_display_data")
    assert (shown["data"]["text/html"], shown["transient"]) == ("<b>1</b>", {"display_id": "x"})
    assert (update["data"]["text/html"], update["transient"]) == ("2", {"display_id": "x"})
    assert contents(told, "clear_output") == [{"wait": True}]


@pytest.mark.parametrize(("code", "password"), [("input('? ')", False), ("__import__('getpass').getpass('? ')", True)])
async def test_the_client_is_asked_for_input(channel: Channel, code: str, password: bool) -> None:
    asked = await channel.send(request("execute_request", {"code": code, "allow_stdin": True}))
    question = await channel.until("input_request", prompt="? ", password=password)
    assert (question["channel"], question["parent_header"]["msg_id"]) == ("stdin", asked["header"]["msg_id"])
    answer = request("input_reply", {"value": "Bo", "status": "ok"}, "stdin")
    await channel.send({**answer, "parent_header": question["header"]})
    told = await channel.about(asked)
    assert contents(told, "execute_result")[0]["data"] == {"text/plain": "'Bo'"}


async def test_a_client_that_takes_no_questions_is_not_asked(channel: Channel) -> None:
    told = await channel.execute("input('? ')", allow_stdin=False)
    assert reply(told)["status"] == "error"
    assert contents(told, "input_request") == []


async def test_the_namespace_is_looked_at(channel: Channel) -> None:
    await channel.execute("apple = 1\ndef pear(x):\n    'A fruit.'")
    found = reply(await channel.ask("complete_request", {"code": "appl", "cursor_pos": 4}))
    assert found.items() >= {"status": "ok", "matches": ["apple"], "cursor_start": 0, "cursor_end": 4}.items()
    found = reply(await channel.ask("inspect_request", {"code": "pear", "cursor_pos": 2, "detail_level": 0}))
    shown = re.sub(r"\x1b\[\d+m", "", found["data"]["text/plain"])
    assert found["found"]
    assert "pear(x)" in shown
    assert "A fruit." in shown
    assert reply(await channel.ask("inspect_request", {"code": "nothing"}))["found"] is False
    assert reply(await channel.ask("is_complete_request", {"code": "for x in y:"})) == {
        "status": "incomplete",
        "indent": "    ",
    }
    assert reply(await channel.ask("is_complete_request", {"code": "1 +* 2"})) == {"status": "invalid"}


async def test_an_interrupt_reaches_what_runs(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        for by_message in (True, False):
            asked = await channel.send(request("execute_request", {"code": "print('go')\nwhile True: pass"}))
            await channel.until("stream")
            if by_message:
                await channel.send(request("interrupt_request", {}, "control"))
            else:
                assert (await jupyter.ask("POST", f"/api/kernels/{kernel}/interrupt"))[0] == 204
            answer = await channel.until("execute_reply")
            assert answer["parent_header"]["msg_id"] == asked["header"]["msg_id"]
            assert answer["content"]["ename"] == "KeyboardInterrupt"


async def test_a_restart_begins_anew_and_loses_nothing_after_it(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel, "me") as channel:
        await channel.execute("x = 1")
        restart = asyncio.create_task(jupyter.ask("POST", f"/api/kernels/{kernel}/restart", data="{}"))
        await channel.until("shutdown_reply", status="ok", restart=True)
        told = await channel.execute("'x' in globals()")
        assert contents(told, "execute_result") == [
            {"data": {"text/plain": "False"}, "metadata": {}, "execution_count": 1}
        ]
        status, model = await restart
        assert (status, model["id"]) == (200, kernel)


async def test_a_crash_is_told_and_the_kernel_lives_on(channel: Channel) -> None:
    told = await channel.execute("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert reply(told).items() >= {"status": "error", "ename": "WorkerDied", "evalue": "killed by SIGSEGV"}.items()
    assert (await channel.until("status", execution_state="restarting"))["parent_header"] == {}
    await channel.until("status", execution_state="starting")
    assert reply(await channel.execute("1"))["execution_count"] == 1


async def test_everything_printed_arrives(channel: Channel) -> None:
    told = await channel.execute("for i in range(50_000): print(i, 'x' * 90)")
    assert text(told) == "".join(f"{i} {'x' * 90}\n" for i in range(50_000))
    assert reply(told)["status"] == "ok"


async def test_long_code_runs(channel: Channel) -> None:
    told = await channel.execute(f"len('{'é' * 1_000_000}')")
    assert contents(told, "execute_result")[0]["data"]["text/plain"] == "1000000"


async def test_contexts_are_shared_with_other_apis(jupyter: Jupyter) -> None:
    kernel = await jupyter.start()
    async with jupyter.channel(kernel) as channel:
        await channel.execute("shared = 'seen'")
        body = {"code": "print(shared)\nmine = 1 + 1", "contextId": kernel}
        _, answer = await jupyter.ask("POST", PREFIX + "/execute", json=body)
        assert answer["stdout"] == "seen\n"
        assert (await channel.until("stream"))["content"] == {"name": "stdout", "text": "seen\n"}
        told = await channel.execute("mine")
        assert contents(told, "execute_result")[0]["data"]["text/plain"] == "2"


async def test_a_kernel_begins_in_the_notebooks_directory(jupyter: Jupyter, tmp_path: Path) -> None:
    kernel = await jupyter.start(env={"KERNEL_WORKING_DIR": str(tmp_path), "KERNEL_ID": "7"})
    async with jupyter.channel(kernel) as channel:
        told = await channel.execute("import os\nprint(os.getcwd(), os.environ['KERNEL_ID'])")
    assert text(told) == f"{tmp_path} 7\n"


async def test_silent_code_is_not_shown_and_does_not_count(channel: Channel) -> None:
    told = await channel.execute("print('x')\n1", silent=True)
    assert kinds(told) == ["busy", "stream", "execute_reply", "idle"]
    told = await channel.execute("2", store_history=False)
    assert kinds(told) == ["busy", "execute_input", "execute_result", "execute_reply", "idle"]
    assert reply(await channel.execute("3"))["execution_count"] == 1
    found = reply(await channel.ask("history_request", {"hist_access_type": "tail", "n": 10, "output": False}))
    assert found == {"status": "ok", "history": [[1, 1, "3"]]}
    ranged = {"hist_access_type": "range", "session": 0, "start": 1, "stop": 2, "output": True}
    assert reply(await channel.ask("history_request", ranged))["history"] == [[1, 1, ["3", "3"]]]


async def test_expressions_are_evaluated_after_the_code(channel: Channel) -> None:
    told = await channel.execute("x = 20", user_expressions={"a": "x + 1", "b": "nothing"})
    values = reply(told)["user_expressions"]
    assert values["a"] == {"status": "ok", "data": {"text/plain": "21"}, "metadata": {}}
    assert (values["b"]["status"], values["b"]["ename"]) == ("error", "NameError")


async def test_a_comm_that_a_client_opens_answers_with_buffers(channel: Channel) -> None:
    await channel.execute(
        "def opened(comm, message):\n"
        "    comm.on_msg(lambda m: comm.send({'got': m['content']['data']}, buffers=[b'\\x00\\xff']))\n"
        "get_ipython().kernel.comm_manager.register_target('echo', opened)"
    )
    told = await channel.ask("comm_open", {"comm_id": "c", "target_name": "echo", "data": {}})
    assert kinds(told) == ["busy", "idle"]
    assert reply(await channel.ask("comm_info_request", {"target_name": "echo"}))["comms"] == {
        "c": {"target_name": "echo"}
    }
    told = await channel.ask("comm_msg", {"comm_id": "c", "data": {"a": 1}})
    assert kinds(told) == ["busy", "comm_msg", "idle"]
    assert told[1]["content"].items() >= {"comm_id": "c", "data": {"got": {"a": 1}}}.items()
    assert told[1]["buffers"] == [b"\0\xff"]
    told = await channel.ask("comm_close", {"comm_id": "c", "data": {}})
    assert reply(await channel.ask("comm_info_request", {}))["comms"] == {}


async def test_a_comm_to_nobody_is_closed(channel: Channel) -> None:
    told = await channel.ask("comm_open", {"comm_id": "c", "target_name": "nobody", "data": {}})
    assert "comm_close" in kinds(told)


async def test_queued_requests_after_an_error_are_aborted(channel: Channel, gate: Gate) -> None:
    cells = [f"{gate.wait}; 1 / 0", "x = 1", "x = 2"]
    asked = [await channel.send(request("execute_request", {"code": code})) for code in cells]
    await channel.ask("kernel_info_request")  # so all have come
    gate.open()
    told = [await channel.about(it) for it in asked]
    assert [reply(it)["status"] for it in told] == ["error", "aborted", "aborted"]
    assert kinds(told[1]) == ["busy", "execute_reply", "idle"]
    assert reply(await channel.execute("'x' in globals()"))["status"] == "ok"


async def test_an_error_stops_nothing_if_its_client_wants_it_so(channel: Channel) -> None:
    first = request("execute_request", {"code": "1 / 0", "stop_on_error": False})
    asked = [await channel.send(it) for it in (first, request("execute_request", {"code": "x = 1"}))]
    assert [reply(await channel.about(it))["status"] for it in asked] == ["error", "ok"]
