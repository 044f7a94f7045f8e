"""One client over all of its connections: nothing is told twice, and nothing is lost."""

from collections.abc import Iterable

import pytest
from fake_worker import FakeLauncher
from harness import PREFIX
from kernels import Jupyter, kinds, reply, request, text

from interpreterd.dialects.jupyter import session
from interpreterd.dialects.jupyter.line import Line
from interpreterd.dialects.jupyter.messages import Outgoing
from interpreterd.dialects.jupyter.own import OwnExecution
from interpreterd.pipe.bundles import Bundle
from interpreterd.pipe.messages import Asked


async def test_a_client_that_comes_back_gets_the_rest(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        first = await channel.send(request("execute_request", {"code": "1"}))
        second = await channel.send(request("execute_request", {"code": "2"}))
        run = await worker.run()
        worker.write("a")
        await channel.until("stream", text="a")
    await jupyter.left(kernel)
    worker.write("b")
    worker.done(run)
    worker.done(await worker.run())
    async with jupyter.channel(kernel, "me") as channel:
        told = await channel.about(first)
        assert kinds(told) == ["stream", "execute_reply", "idle"]
        assert text(told) == "b"
        told = await channel.about(second)
        assert kinds(told) == ["busy", "execute_input", "execute_reply", "idle"]


async def test_a_client_that_saw_nothing_yet_gets_what_it_missed(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        await channel.ask("kernel_info_request")
    await jupyter.left(kernel)
    async with jupyter.channel(kernel, "other") as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        worker.done(await worker.run())
        await channel.about(asked)
    async with jupyter.channel(kernel, "me") as channel:
        assert kinds(await channel.about(asked)) == ["busy", "execute_input", "idle"]


async def test_nothing_is_told_twice(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as mine, jupyter.channel(kernel, "other") as other:
        await mine.ask("kernel_info_request")
        for channel in (other, mine):
            asked = await channel.send(request("execute_request", {"code": "1"}))
            worker.done(await worker.run())
            await mine.about(asked)
    await jupyter.left(kernel)
    async with jupyter.channel(kernel, "me") as mine:
        await mine.send(asked := request("kernel_info_request"))
        assert (await mine.next())["parent_header"]["msg_id"] == asked["header"]["msg_id"]


def break_once(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let the connection break where a message of this kind would first be sent to the client ``me``."""
    send = Line.send
    broken: list[Line] = []

    async def breaking(self: Line, messages: Iterable[Outgoing]) -> None:
        messages = list(messages)
        if not broken and any(it.kind == kind for it in messages):
            broken.append(self)
            raise ConnectionResetError
        await send(self, messages)

    monkeypatch.setattr(Line, "send", breaking)


@pytest.mark.parametrize("mine", [True, False])
async def test_code_whose_telling_broke_is_told_again(
    jupyter: Jupyter, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch, mine: bool
) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        await channel.ask("kernel_info_request")
        break_once(monkeypatch, "execute_input")
        asked = request("execute_request", {"code": "secret = 1"})
        if mine:
            await channel.send(asked)
        else:
            body = {"code": "secret = 1", "contextId": kernel, "background": True}
            await jupyter.ask("POST", PREFIX + "/execute", json=body)
        run = await worker.run()
        await channel.ended()
    await jupyter.left(kernel)
    async with jupyter.channel(kernel, "me") as channel:
        assert (await channel.until("execute_input"))["content"] == {"code": "secret = 1", "execution_count": 1}
        worker.done(run)
        await channel.until("status", execution_state="idle")


async def test_a_forgotten_end_whose_telling_broke_is_told_again(
    jupyter: Jupyter, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(self: OwnExecution) -> None:
        return None

    kernel = await jupyter.start()
    await launcher.worker()
    monkeypatch.setattr(OwnExecution, "events", forgotten)
    async with jupyter.channel(kernel, "me") as channel:
        break_once(monkeypatch, "execute_reply")
        asked = await channel.send(request("execute_request", {"code": "1"}))
        await channel.ended()
    await jupyter.left(kernel)
    async with jupyter.channel(kernel, "me") as channel:
        assert reply(await channel.about(asked))["ename"] == "ExecutionForgotten"


async def test_another_client_gets_nothing_old(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        await channel.send(request("execute_request", {"code": "1"}))
        worker.done(await worker.run())
        await channel.until("execute_reply")
    for name in ("you", "", ""):
        async with jupyter.channel(kernel, name) as channel:
            await channel.send(asked := request("kernel_info_request"))
            assert (await channel.next())["parent_header"]["msg_id"] == asked["header"]["msg_id"]


async def test_clients_see_the_executions_of_others(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "a") as mine, jupyter.channel(kernel, "b") as other:
        await other.ask("kernel_info_request")
        asked = await mine.send(request("execute_request", {"code": "secret = 1"}))
        run = await worker.run()
        worker.write("x")
        worker.done(run)
        seen = await other.about(asked)
        assert kinds(seen) == ["busy", "execute_input", "stream", "idle"]
        assert seen[1]["content"] == {"code": "secret = 1", "execution_count": 1}
        assert kinds(await mine.about(asked)) == ["busy", "execute_input", "stream", "execute_reply", "idle"]


async def test_an_execution_of_another_api_is_seen_with_a_parent_of_its_own(
    jupyter: Jupyter, launcher: FakeLauncher
) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.ask("kernel_info_request")
        body = {"code": "other()", "contextId": kernel, "background": True}
        _, execution = await jupyter.ask("POST", PREFIX + "/execute", json=body)
        run = await worker.run()
        worker.write("x")
        worker.done(run)
        seen = [await channel.next() for _ in range(4)]
    assert kinds(seen) == ["busy", "execute_input", "stream", "idle"]
    assert seen[1]["content"]["code"] == "other()"
    parents = [it["parent_header"] for it in seen]
    assert (parents[0]["msg_id"], parents[0]["msg_type"]) == (execution["id"], "execute_request")
    assert all(it == parents[0] for it in parents)


async def test_the_second_connection_of_a_client_closes_the_first(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as first:
        asked = await first.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        await first.until("execute_input")
        async with jupyter.channel(kernel, "me") as second:
            later = await second.send(request("kernel_info_request"))
            assert await first.ended() == (1000, "another connection has come with the same session_id")
            assert reply(await second.about(later))["status"] == "ok"
            worker.done(run)
            assert kinds(await second.about(asked)) == ["execute_reply", "idle"]
            _, model = await jupyter.ask("GET", f"/api/kernels/{kernel}")
            assert model["connections"] == 1


async def test_an_answer_goes_to_the_execution_that_asks(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.send(request("input_reply", {"value": "nobody asks"}, "stdin"))
        asked = await channel.send(request("execute_request", {"code": "input()"}))
        run = await worker.run()
        worker.say(Asked(execution_id=run.execution_id, number=1, prompt="? ", password=True))
        question = await channel.until("input_request", prompt="? ", password=True)
        assert question["channel"] == "stdin"
        assert question["parent_header"]["msg_id"] == asked["header"]["msg_id"]
        await channel.send(request("input_reply", {"value": "Bo", "status": "ok"}, None))
        answer = await worker.told()
        assert getattr(answer, "text", None) == "Bo"
        worker.done(run)
        assert reply(await channel.about(asked))["status"] == "ok"


async def test_a_client_that_was_gone_for_long_is_told_what_is_lost(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        await channel.until("execute_input")
    await jupyter.left(kernel)
    for _ in range(300):
        worker.write("x" * 10_000)
    worker.write("the end")
    worker.done(run)
    while (await jupyter.ask("GET", f"{PREFIX}/executions/{run.execution_id}"))[1]["firstEvent"] < 3:
        pass  # until some are dropped that the client has not got
    async with jupyter.channel(kernel, "me") as channel:
        told = await channel.about(asked)
    assert "messages of this execution are lost" in text(told, "stderr")
    assert text(told).endswith("the end")
    assert kinds(told)[-2:] == ["execute_reply", "idle"]


async def test_while_code_runs_the_kernel_stays_busy(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        await channel.until("execute_input")
        await channel.ask("kernel_info_request")
        busy = await channel.next()
        assert (kinds([busy]), busy["parent_header"]["msg_id"]) == (["busy"], asked["header"]["msg_id"])
        worker.done(run)
        await channel.about(asked)


async def test_what_threads_show_belongs_to_the_latest_execution(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        worker.done(await worker.run())
        await channel.about(asked)
        worker.write("late")
        worker.publish(Bundle(kind="display", data={"text/plain": "later"}))
        late = [await channel.next(), await channel.next()]
    assert kinds(late) == ["stream", "display_data"]
    assert {it["parent_header"]["msg_id"] for it in late} == {asked["header"]["msg_id"]}


async def test_an_answer_waits_for_a_client_that_is_away(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("complete_request", {"code": "a"}))
        run = await worker.run()
    await jupyter.left(kernel)
    worker.done(run)
    async with jupyter.channel(kernel, "me") as channel:
        assert kinds(await channel.about(asked))[-2:] == ["complete_reply", "idle"]


async def test_unanswered_looks_have_a_limit(
    jupyter: Jupyter, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WORKS_LIMIT", 1)
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.send(first := request("complete_request", {"code": "a"}))
        run = await worker.run()
        told = await channel.ask("complete_request", {"code": "b"})
        assert reply(told)["evalue"] == "too many unanswered requests of this client: the limit is 1"
        worker.done(run)
        assert kinds(await channel.about(first)) == ["complete_reply", "idle"]
