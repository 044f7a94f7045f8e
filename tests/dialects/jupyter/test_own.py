"""An execution of a client that leaves and comes back, over fake workers."""

from fake_worker import FakeLauncher
from harness import PREFIX
from kernels import Jupyter, kinds, reply, request, text

from interpreterd.contexts.executions import KEPT_PER_CONTEXT
from interpreterd.pipe.messages import Answer, Asked


async def test_a_question_waits_for_a_client_that_comes_back(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("execute_request", {"code": "input()"}))
        run = await worker.run()
        await channel.until("execute_input")
    await jupyter.left(kernel)
    worker.say(Asked(execution_id=run.execution_id, number=1, prompt="? ", password=False))
    async with jupyter.channel(kernel, "me") as channel:
        await channel.until("input_request", prompt="? ")
    await jupyter.left(kernel)
    async with jupyter.channel(kernel, "me") as channel:  # the same question, asked before it left
        await channel.send(request("input_reply", {"value": "Bo"}, "stdin"))
        assert await worker.told() == Answer(number=1, text="Bo")
        worker.done(run)
        assert reply(await channel.about(asked))["status"] == "ok"


async def test_a_question_to_a_nameless_client_that_has_gone_is_not_answered(
    jupyter: Jupyter, launcher: FakeLauncher
) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.send(request("execute_request", {"code": "input()"}))
        run = await worker.run()
        worker.say(Asked(execution_id=run.execution_id, number=1, prompt="? ", password=False))
        await channel.until("input_request")
    assert await worker.told() == Answer(number=1, text=None)


async def test_a_program_goes_on_while_its_client_is_away(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        await channel.until("execute_input")
    await jupyter.left(kernel)
    while worker.reading:  # until its client would have to read
        worker.write("x" * 60_000)
    while not worker.reading:
        await jupyter.ask("GET", "/api")  # meanwhile the daemon has turns
    worker.write("the end")
    async with jupyter.channel(kernel, "me") as channel:
        await channel.until("stream")
        worker.done(run)
        told = await channel.about(asked)
    assert text(told).endswith("the end")
    assert kinds(told)[-2:] == ["execute_reply", "idle"]


async def test_what_is_forgotten_meanwhile_is_told_as_such(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "me") as channel:
        asked = await channel.send(request("execute_request", {"code": "1"}))
        run = await worker.run()
        await channel.until("execute_input")
    await jupyter.left(kernel)
    worker.done(run)
    for _ in range(KEPT_PER_CONTEXT):
        body = {"code": "1", "contextId": kernel, "background": True}
        await jupyter.ask("POST", PREFIX + "/execute", json=body)
        worker.done(await worker.run())
    async with jupyter.channel(kernel, "me") as channel:
        told = await channel.about(asked)
    assert reply(told).items() >= {"status": "error", "ename": "ExecutionForgotten"}.items()
