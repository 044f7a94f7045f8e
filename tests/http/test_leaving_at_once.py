"""Clients send a request and leave at the same moment. Their executions still go on or are interrupted as asked."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from fake_worker import FakeLauncher
from frames import CLOSE, HANDSHAKE, TEXT, frame
from harness import PREFIX
from leaving import Asker, holds

from interpreterd.app import MANAGER, make_app
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.pipe.messages import Answer, Asked
from interpreterd.settings import Settings

Client = TestClient[web.Request, web.Application]
BACKLOG_BYTES = 1 << 16


@pytest.fixture
def launcher() -> FakeLauncher:
    """Return the launcher of the application under test."""
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> Client:
    """Return a client of the application."""
    settings = Settings.of(cwd=str(tmp_path), backlog_limit_bytes=BACKLOG_BYTES)
    started: Client = await aiohttp_client(make_app(settings=settings, launcher=launcher))
    return started


def operation(path: str, number: int, **keys: Any) -> bytes:
    more = {"op": "execute", "requestId": str(number)} if path == "/session" else {}
    return frame(TEXT, json.dumps({"code": "pass", **more, **keys}).encode())


async def ask_and_leave(client: Client, path: str, *frames: bytes, at_once: bool, reset: bool) -> None:
    """Send ``frames`` and the close in one packet; with ``at_once`` the handshake is also in it."""
    handshake = HANDSHAKE.format(path=PREFIX + path, port=client.port).encode()
    said = b"".join(frames) + (b"" if reset else frame(CLOSE, b"\x03\xe8"))
    asker = Asker(f"http://127.0.0.1:{client.port}", handshake + said if at_once else handshake)
    if not at_once:
        await asyncio.to_thread(asker.begun)
        asker.socket.sendall(said)
    if reset:
        await holds(lambda: executions(client))
        asker.leave()
    else:
        await asyncio.to_thread(asker.rest)


def executions(client: Client) -> list[ExecutionRecord]:
    """Return all executions of the application."""
    assert client.app is not None
    return list(client.app[MANAGER].executions._all.values())


WAYS = pytest.mark.parametrize(("at_once", "reset"), [(False, False), (True, False), (False, True)])
PATHS = pytest.mark.parametrize("path", ["/session", "/execute"])


@PATHS
@WAYS
async def test_the_program_does_not_wait_for_a_client_that_has_gone(
    client: Client, launcher: FakeLauncher, path: str, at_once: bool, reset: bool
) -> None:
    await ask_and_leave(client, path, operation(path, 0), at_once=at_once, reset=reset)
    worker = await launcher.worker()
    run = await worker.run()
    (execution,) = executions(client)
    await holds(lambda: not execution.journal.has_client)
    for _ in range(4):
        worker.write("x" * BACKLOG_BYTES)
        assert worker.reading
    worker.done(run)
    assert execution.state == "completed"


@PATHS
@WAYS
async def test_an_execution_is_interrupted_if_its_client_wanted_it_so(
    client: Client, launcher: FakeLauncher, path: str, at_once: bool, reset: bool
) -> None:
    said = operation(path, 0, onDisconnect="interrupt")
    await ask_and_leave(client, path, said, at_once=at_once, reset=reset)
    (execution,) = executions(client)
    worker = await launcher.worker()
    await holds(lambda: execution.ended or worker.interrupted.is_set())


@WAYS
async def test_many_at_once_are_all_let_go(client: Client, launcher: FakeLauncher, at_once: bool, reset: bool) -> None:
    """The first execution is interrupted; the others leave the queue."""
    said = [operation("/session", number, onDisconnect="interrupt") for number in range(20)]
    await ask_and_leave(client, "/session", *said, at_once=at_once, reset=reset)
    await holds(lambda: len(executions(client)) == 20)
    worker = await launcher.worker()
    first, *others = executions(client)
    await holds(lambda: first.ended or worker.interrupted.is_set())
    await holds(lambda: [execution.state for execution in others] == ["cancelled"] * 19)
    assert not any(execution.journal.has_client for execution in (first, *others))


@PATHS
@WAYS
async def test_code_that_asks_a_client_which_has_gone_reads_the_end_of_its_input(
    client: Client, launcher: FakeLauncher, path: str, at_once: bool, reset: bool
) -> None:
    said = operation(path, 0, stdin=True, events="v2")
    await ask_and_leave(client, path, said, at_once=at_once, reset=reset)
    worker = await launcher.worker()
    run = await worker.run()
    await holds(lambda: not executions(client)[0].journal.has_client)
    worker.say(Asked(execution_id=run.execution_id, number=1, prompt="?", password=False))
    answer = await worker.told()
    assert isinstance(answer, Answer)
    assert answer.text is None
