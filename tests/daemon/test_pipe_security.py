"""User code that finds the worker's channel can harm only its own context."""

from collections.abc import AsyncIterator, Iterator

import pytest
from contract import COMPLETED, RESTARTED, ended, error, interrupt, stdout, submitted, worker_ends
from following import following, until
from forging import FORGE
from harness import Client, Gate, alive
from standing import SharedDaemon, shared_daemon

pytestmark = pytest.mark.xdist_group("pipe security")

# Keeps the execution running.
STILL = "\nwhile True: pass"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    with shared_daemon(tmp_path_factory.mktemp("pipe"), "--grace-s", "0.2") as daemon:
        yield daemon


@pytest.fixture
async def client(shared: SharedDaemon) -> AsyncIterator[Client]:
    async with Client(shared.url) as client:
        yield client


@pytest.fixture
async def context(client: Client) -> AsyncIterator[str]:
    """Yield the context of the forging code. At the end it must work again."""
    context = await client.create()
    yield context
    assert (await client.run("print('next')", context)).stdout == "next\n"
    await client.request("DELETE", f"/context/{context}")


@pytest.fixture
async def other(client: Client) -> AsyncIterator[str]:
    """Yield another context. At the end its variables must be unchanged."""
    other = await client.create()
    await client.run("x = 1", other)
    yield other
    assert ended(await client.run("print(x)", other)) == ([stdout("1\n"), COMPLETED], 1000, "")
    await client.request("DELETE", f"/context/{other}")


def died(why: str) -> tuple[list[object], int, str]:
    """Return the end of an execution whose worker has broken the protocol."""
    return [error("WorkerDied", f"killed: it broke the protocol ({why})"), COMPLETED], 1000, ""


async def test_code_can_end_its_own_execution_wrongly(client: Client, context: str, other: str, gate: Gate) -> None:
    """The code then runs on unnoticed. Its true end breaks the protocol."""
    forged = {"name": "Forged", "value": "never raised", "traceback": ""}
    code = f"{FORGE}\nsay('done', id=mine, error={forged!r})\n{gate.wait}"
    assert ended(await client.run(code, context)) == ([error("Forged", "never raised"), COMPLETED], 1000, "")
    async with worker_ends(client, context):
        gate.open()
    assert ended(await client.run("pass", context)) == ([RESTARTED, COMPLETED], 1000, "")


async def test_code_cannot_end_an_execution_of_another_context(
    client: Client, context: str, other: str, gate: Gate
) -> None:
    """The code knows the execution's id, but that does not help."""
    async with client.http.ws_connect(client.base + "/session") as socket:
        await socket.send_json(
            {"op": "execute", "requestId": "a", "code": f"{gate.wait}\nprint('mine')", "contextId": other}
        )
        started = await socket.receive_json()
        code = f"{FORGE}\nsay('done', id={started['executionId']!r}, error=None){STILL}"
        assert ended(await client.run(code, context)) == died("unexpected Done")
        gate.open()
        told = [await socket.receive_json(), await socket.receive_json()]
    assert [message["text"] for message in told] == ["mine\n", "completed"]


async def test_code_cannot_end_a_later_execution(client: Client, context: str, gate: Gate) -> None:
    """It cannot guess the later id. The attempt loses the worker, and the later execution runs in a new worker."""
    code = f"{FORGE}\n{gate.wait}\nsay('done', id=str(uuid.uuid4()), error=None){STILL}"
    async with (
        submitted(client, code, contextId=context) as first,
        submitted(client, "print('later')", contextId=context) as later,
    ):
        gate.open()
        assert ended(await first.finish()) == died("unexpected Done")
        assert ended(await later.finish()) == ([RESTARTED, stdout("later\n"), COMPLETED], 1000, "")


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_code_cannot_speak_for_a_template(
    client: Client, context: str, other: str, launcher: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A template could report the ends of other contexts' workers."""
    worker = (await client.run("import os; print(os.getpid())", other)).stdout.strip()
    code = f"{FORGE}\nsay('reaped', pid={worker}, status=0){STILL}"
    if launcher == "spawn":
        assert ended(await client.run(code, context)) == died("unexpected Reaped")
    else:
        with shared_daemon(tmp_path_factory.mktemp("fork"), "--launcher", "fork") as daemon:
            async with Client(daemon.url) as forked:
                assert ended(await forked.run(code)) == died("unexpected Reaped")
    assert alive(int(worker))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("while True: os.write(channel, b'x' * 65536)", "a line is longer than 1044480 bytes"),
        ("while True: say('synced')", "unexpected Synced"),
        ("say('exiting', id=mine)\nwhile True: say('exiting', id=mine)", None),
        ("os.write(channel, b'[' * 200_000 + b'\\n')", "not JSON: ..."),
        ("os.write(channel, b'\\xff\\n')", "not JSON: ..."),
    ],
    ids=["a line without an end", "messages without an end", "exits without an end", "deep nesting", "no UTF-8"],
)
async def test_a_flood_of_the_channel_is_stopped(
    client: Client, context: str, other: str, code: str, why: str | None
) -> None:
    messages, close_code, reason = ended(await client.run(FORGE + code + STILL, context))
    if why is None:
        assert (messages, close_code, reason) == ([COMPLETED], 1000, "")
    else:
        start, dots, _ = why.partition("...")
        told = messages[0]["value"]
        assert told.startswith(f"killed: it broke the protocol ({start}")
        assert (messages, close_code, reason) == ([error("WorkerDied", told), COMPLETED], 1000, "")
        assert dots or told.endswith(f"({why})")


async def test_a_channel_that_takes_nothing_any_more_costs_one_execution(
    client: Client, context: str, other: str
) -> None:
    """The daemon's write fails, although the code keeps a copy of the channel open."""
    code = f"{FORGE}\nimport socket\ncopy = socket.socket(fileno=os.dup(channel)); copy.shutdown(socket.SHUT_RD)"
    assert ended(await client.run(code, context)) == ([COMPLETED], 1000, "")
    assert ended(await client.run("pass", context)) == died("it closed its channel")


async def test_what_stays_of_an_execution_can_end_a_later_one_of_its_own_context(
    client: Client, context: str, other: str, gate: Gate
) -> None:
    """A thread shares the process with later executions and can find their ids."""
    code = f"""{FORGE}
import threading
def run():
    {gate.wait}
    say('done', id=running(), error={{'name': 'Forged', 'value': '', 'traceback': ''}})
threading.Thread(target=run).start()"""
    await client.run(code, context)
    async with client.running(f"print('on'){STILL}", contextId=context) as running:
        await running.until("on")
        gate.open()
        result = await running.finish()
    assert ended(result) == ([stdout("on\n"), error("Forged", ""), COMPLETED], 1000, "")
    async with (
        following(client, f"/context/{context}/events", "ndjson") as events,
        client.running("pass", contextId=context) as running,
    ):
        await until(events, "started")
        assert (await interrupt(client, context))[1] == {"interrupted": True}
        result = await running.finish()
    assert ended(result) == died("unexpected Done")  # the true end of the earlier execution


async def test_the_source_of_workers_cannot_be_changed(client: Client, shared: SharedDaemon, context: str) -> None:
    """Code can open the daemon's memory file through proc(5), but cannot write to it."""
    code = f"""
import os
folder = '/proc/{shared.pid}/fd'
for fd in os.listdir(folder):
    try:
        if 'memfd:interpreterd-worker' not in os.readlink(f'{{folder}}/{{fd}}'):
            continue
    except FileNotFoundError:
        continue
    for change in (lambda fd: os.write(fd, b'#'), lambda fd: os.ftruncate(fd, 0), lambda fd: os.ftruncate(fd, 1 << 20)):
        opened = os.open(f'{{folder}}/{{fd}}', os.O_RDWR)
        try:
            change(opened)
        except PermissionError:
            print('refused')
"""
    assert (await client.run(code, context)).stdout == "refused\n" * 3


async def test_the_channels_of_others_cannot_be_opened(client: Client, shared: SharedDaemon, context: str) -> None:
    """A socket has no path. proc(5) shows it, but open(2) fails."""
    code = f"""
import errno, os
for fd in os.listdir('/proc/{shared.pid}/fd'):
    try:
        if os.readlink(f'/proc/{shared.pid}/fd/{{fd}}').startswith('socket:'):
            os.open(f'/proc/{shared.pid}/fd/{{fd}}', os.O_RDWR)
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    assert set((await client.run(code, context)).stdout.split()) == {"ENXIO"}
