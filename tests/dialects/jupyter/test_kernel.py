"""What all clients of a kernel share: requests, and the life of its Python."""

from typing import Any

from fake_worker import FakeLauncher
from harness import PREFIX
from kernels import Channel, Jupyter, kinds, reply, request

from interpreterd.dialects.jupyter.kernel import PARENTS_LIMIT, PARENTS_LIMIT_BYTES, JupyterKernel, Parent
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.events import Submitted


def kernel() -> JupyterKernel:
    """Return a kernel that nothing is asked of."""
    nothing: Any = None
    return JupyterKernel("k", nothing)


def test_a_request_is_known_until_there_are_too_many() -> None:
    it = kernel()
    mine = Parent(b'{"msg_id":"m"}', "1")
    it.remember("e", mine)
    assert it.parent("e") is mine
    made = it.parent("other", Submitted.of("2", "me"))
    assert made.code == "2"
    assert it.parent("other", Submitted.of("3", "me")) is made
    for number in range(PARENTS_LIMIT):
        it.parent(str(number))
    assert it.parent("e") is not mine


def test_long_code_is_forgotten_first() -> None:
    it = kernel()
    it.remember("long", Parent(b"{}", "x" * PARENTS_LIMIT_BYTES))
    assert len(it.parent("long").code) == PARENTS_LIMIT_BYTES
    it.remember("next", Parent(b"{}", "1"))
    assert it.parent("long").code == ""


async def seen(channel: Channel, count: int) -> list[str]:
    """Return what the next messages are."""
    return kinds([await channel.next() for _ in range(count)])


async def test_a_restart_is_told_to_all(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    await launcher.worker()
    async with jupyter.channel(kernel, "a") as first, jupyter.channel(kernel, "b") as second:
        for channel in (first, second):
            await channel.ask("kernel_info_request")
        await jupyter.ask("POST", f"/api/kernels/{kernel}/restart")
        for channel in (first, second):
            assert await seen(channel, 6) == ["busy", "shutdown_reply", "idle", "starting", "busy", "idle"]


async def test_a_restart_that_nobody_saw_does_not_hide_a_death(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    await launcher.worker()
    async with jupyter.channel(kernel, "gone") as gone:
        await gone.ask("kernel_info_request")
    await jupyter.left(kernel)
    await jupyter.ask("POST", f"/api/kernels/{kernel}/restart")
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "new") as channel:
        await channel.ask("kernel_info_request")
        worker.exit("killed by SIGSEGV")
        assert await seen(channel, 4) == ["restarting", "starting", "busy", "idle"]
        await launcher.worker()
    async with jupyter.channel(kernel, "gone") as gone:
        ends = ["busy", "shutdown_reply", "idle", "starting", "busy", "idle", "restarting", "starting", "busy", "idle"]
        assert await seen(gone, len(ends)) == ends


async def test_a_restart_by_another_api_is_no_death(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.ask("kernel_info_request")
        assert (await jupyter.ask("POST", f"{PREFIX}/context/{kernel}/restart"))[0] == 200
        assert await seen(channel, 4) == ["busy", "shutdown_reply", "idle", "starting"]


async def test_a_restart_ends_what_runs_and_what_waits(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        running = await channel.send(request("execute_request", {"code": "1", "stop_on_error": False}))
        waiting = await channel.send(request("execute_request", {"code": "2"}))
        await worker.run()
        await jupyter.ask("POST", f"/api/kernels/{kernel}/restart")
        assert reply(await channel.about(running))["status"] == "error"
        assert reply(await channel.about(waiting)) == {"status": "aborted"}
        later = await channel.send(request("execute_request", {"code": "3"}))
        new = await launcher.worker()
        new.done(await new.run())
        assert reply(await channel.about(later))["status"] == "ok"


async def test_a_death_is_told_and_a_new_python_comes_by_itself(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel, "a") as mine, jupyter.channel(kernel, "b") as other:
        await other.ask("kernel_info_request")
        asked = await mine.send(request("execute_request", {"code": "1"}))
        await worker.run()
        worker.exit("killed by SIGSEGV")
        told = await mine.about(asked)
        assert kinds(told) == ["busy", "execute_input", "error", "execute_reply", "idle"]
        assert reply(told)["evalue"] == "killed by SIGSEGV"
        for channel in (mine, other):
            message = await channel.until("status", execution_state="restarting")
            assert message["parent_header"] == {}
            assert await seen(channel, 3) == ["starting", "busy", "idle"]
        await launcher.worker()
        _, model = await jupyter.ask("GET", f"/api/kernels/{kernel}")
        assert model["execution_state"] == "idle"


async def test_a_kernel_that_has_died_alone_lives_again_with_its_next_client(
    jupyter: Jupyter, launcher: FakeLauncher
) -> None:
    kernel = await jupyter.start()
    (await launcher.worker()).exit("killed by SIGKILL")
    assert (await jupyter.ask("GET", f"/api/kernels/{kernel}"))[1]["execution_state"] == "dead"
    async with jupyter.channel(kernel):
        await launcher.worker()
    assert (await jupyter.ask("GET", f"/api/kernels/{kernel}"))[1]["execution_state"] in ("starting", "idle")


async def test_a_death_without_a_new_python_is_told(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    worker = await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.ask("kernel_info_request")
        launcher.failure = WorkerStartFailed("no python")
        worker.exit("killed by SIGKILL")
        await channel.until("status", execution_state="restarting")
        assert await seen(channel, 1) == ["dead"]
        status, body = await jupyter.ask("POST", f"/api/kernels/{kernel}/restart")
        assert (status, body["message"]) == (500, "no python")
        assert await seen(channel, 1) == ["dead"]
        launcher.failure = None
        assert (await jupyter.ask("POST", f"/api/kernels/{kernel}/restart"))[0] == 200
        assert await seen(channel, 3) == ["starting", "busy", "idle"]


async def test_a_restart_that_fails_is_told(jupyter: Jupyter, launcher: FakeLauncher) -> None:
    kernel = await jupyter.start()
    await launcher.worker()
    async with jupyter.channel(kernel) as channel:
        await channel.ask("kernel_info_request")
        launcher.failure = WorkerStartFailed("no python")
        assert (await jupyter.ask("POST", f"/api/kernels/{kernel}/restart"))[0] == 500
        await channel.until("status", execution_state="dead")
        told = await channel.ask("execute_request", {"code": "1"})
        assert kinds(told) == ["busy", "error", "execute_reply", "idle"]
        assert "no python" in reply(told)["evalue"]
