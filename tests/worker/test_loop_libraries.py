"""Libraries for asyncio, whose objects live over several cells."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_driver import DrivenWorker

# A server that keeps its connections open.
SERVER = """
import asyncio
async def answer(reader, writer):
    while await reader.readline():
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi")
    writer.close()
server = await asyncio.start_server(answer, "127.0.0.1", 0)
url = "http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
"""


@pytest.fixture
def rich_worker(tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a worker in the tests' own environment."""
    with DrivenWorker(sys.executable, tmp_path) as worker:
        yield worker


def test_objects_of_anyio_live_over_several_cells(rich_worker: DrivenWorker) -> None:
    rich_worker.printed("import anyio\nsend, receive = anyio.create_memory_object_stream(3)\nawait send.send(1)")
    assert rich_worker.printed("with anyio.fail_after(5):\n  print(await receive.receive())") == "1\n"
    group = "async with anyio.create_task_group() as group:\n  group.start_soon(anyio.sleep, 0)\nprint(2)"
    assert rich_worker.printed(group) == "2\n"


def test_the_programs_own_kind_of_loop_is_used(rich_worker: DrivenWorker) -> None:
    rich_worker.printed("import asyncio, uvloop, warnings\nwarnings.simplefilter('ignore')")
    rich_worker.printed("asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())")
    rich_worker.printed("await asyncio.sleep(0); loop = asyncio.get_running_loop()")
    assert rich_worker.printed("print(type(loop).__module__)") == "uvloop\n"
    rich_worker.start("print('waiting')\ntry: await asyncio.sleep(1000)\nfinally: print('cancelled')")
    rich_worker.until("waiting")
    rich_worker.interrupt()
    ran = rich_worker.finish()
    assert ran.stdout == "waiting\ncancelled\n"
    assert ran.error is not None
    assert ran.error["name"] == "KeyboardInterrupt"
    rich_worker.sync()
    rich_worker.run("exit()")
    assert rich_worker.wait() == 0
    assert rich_worker.output() == []


@pytest.mark.parametrize(
    ("made", "get", "close"),
    [
        ("aiohttp.ClientSession()", "await (await client.get(url)).text()", "client.close()"),
        ("httpx.AsyncClient(trust_env=False)", "(await client.get(url)).text", "client.aclose()"),
    ],
    ids=["aiohttp", "httpx"],
)
def test_a_client_lives_over_several_cells(rich_worker: DrivenWorker, made: str, get: str, close: str) -> None:
    rich_worker.printed(SERVER)
    rich_worker.printed(f"import {made.partition('.')[0]}\nawait asyncio.sleep(0); client = {made}")
    for _ in range(3):
        assert rich_worker.printed(f"print({get})") == "hi\n"
    rich_worker.printed(f"await {close}; server.close()")
