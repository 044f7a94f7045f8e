"""``interpreterd.client`` and its connection: to no daemon, one that goes, a private one, through bad networks."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from clients import Face, output_of, program
from conftest import COMMAND
from harness import Client, Daemon, Gate, alive, gone
from proxy import Cut, Hold, Proxy, Say, Swallow, proxy

from interpreterd.client import (
    AsyncInterpreter,
    ConnectionFailed,
    ConnectionLost,
    ExecutionLost,
    LocalDaemon,
    StartFailed,
    UnexpectedAnswer,
)

Start = Callable[..., Awaitable[Daemon]]
LINES = 20_000
COUNTED = f"runs = globals().get('runs', 0) + 1\nfor i in range({LINES}): print(i, 'x' * 20)"
WHOLE = "".join(f"{i} {'x' * 20}\n" for i in range(LINES))
CLOSE = "Connection: close\r\nContent-Length"
NO_SERVER = f"HTTP/1.1 502 Bad Gateway\r\n{CLOSE}: 0\r\n\r\n"


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return Face(request.param)


@pytest.fixture
async def through(start_daemon: Start) -> AsyncIterator[Proxy]:
    """A proxy before a daemon that keeps all events."""
    daemon = await start_daemon("--journal-bytes", "64M")
    async with proxy(daemon.url) as before:
        yield before


@pytest.fixture
async def stranger() -> AsyncIterator[Proxy]:
    """A proxy with no daemon behind it, which answers what a test wants."""
    async with proxy("http://127.0.0.1:1") as alone:
        yield alone


# A connection that ends


async def test_an_execution_survives_its_connections(face: Face, through: Proxy) -> None:
    """Cut anywhere, again and again: it has run once, and every byte is there once."""
    for seed in range(4):
        chance = random.Random(seed)
        cuts = [Cut(chance.randrange(600)), *[Cut(chance.randrange(300_000)) for _ in range(6)]]
        seen: list[str] = []
        through.plans.extend(cuts)
        async with face(through.url) as py:
            execution = await py.execute(COUNTED, on_stdout=seen.append)
            assert "".join(seen) == execution.stdout == WHOLE, (seed, cuts)
            assert (execution.outcome, execution.missed_events) == ("completed", 0)
            through.plans.clear()
            assert (await py.execute("print(runs)")).stdout == f"{seed + 1}\n"
    assert through.connections > 12


async def test_patience_counts_from_the_last_event(face: Face, through: Proxy) -> None:
    through.plans.extend([Cut(200_000), Cut(200_000)])
    async with face(through.url, reconnect_s=1e-3) as py:
        assert (await py.execute(COUNTED)).stdout == WHOLE


async def test_an_execution_is_found_whose_first_answer_was_lost(face: Face, through: Proxy) -> None:
    for number, after_bytes in enumerate([0, 1, 100, 250], 1):
        through.plans.append(Cut(after_bytes))
        async with face(through.url) as py:
            execution = await py.execute("n = globals().get('n', 0) + 1\nprint(n)")
            assert (execution.stdout, execution.outcome) == (f"{number}\n", "completed")
            assert (await py.execute("print(n)")).stdout == f"{number}\n"


async def test_nothing_is_run_twice_where_it_is_not_known(face: Face, through: Proxy) -> None:
    through.plans.append(Swallow())
    async with face(through.url) as py:
        with pytest.raises(ExecutionLost, match="whether the code has run is not known") as caught:
            await py.execute("n = 1")
        assert caught.value.execution_id is None
        assert (await py.execute("n")).error.name == "NameError"
    assert b'"code":"n = 1"' in through.heard[0]


async def test_a_proxy_that_cannot_reach_the_daemon_is_asked_again(face: Face, through: Proxy) -> None:
    through.plans.extend([Cut(400), Say(NO_SERVER.encode()), Say(NO_SERVER.encode())])
    async with face(through.url) as py:
        assert (await py.execute(COUNTED)).stdout == WHOLE


async def test_what_the_daemon_has_forgotten_is_told(face: Face, start_daemon: Start, gate: Gate) -> None:
    daemon = await start_daemon("--journal-bytes", "16K")
    async with proxy(daemon.url) as through, Client(daemon.url) as other, face(through.url) as py:
        go_on = asyncio.Event()
        through.plans.extend([Cut(400), Hold(go_on)])
        running = asyncio.create_task(py.execute(f"print('begin ' * 100)\n{gate.wait}\n{COUNTED}"))
        await through.connected(2)
        gate.open()
        await other.run("print('the end')")  # it waits for the other one
        go_on.set()
        execution = await running
    assert execution.missed_events > 0
    assert execution.outcome == "completed"
    assert WHOLE.endswith(execution.stdout[-1000:])
    assert len(execution.stdout) < len(WHOLE)


async def test_a_daemon_that_is_gone_for_good(face: Face, start_daemon: Start, tmp_path: Path) -> None:
    """Without patience at once; else until another one answers, which knows nothing of it."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    loop = asyncio.get_running_loop()

    async def lose(py: Any, then: Callable[[], Awaitable[Any]]) -> ExecutionLost:
        started = asyncio.Event()
        code = "print(1)\nwhile True: pass"
        running = asyncio.create_task(py.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))
        await started.wait()
        os.kill(daemon.pid, signal.SIGKILL)
        await gone(daemon.pid)
        await then()
        with pytest.raises(ExecutionLost) as caught:
            await running
        return caught.value

    async with face(f"unix:{tmp_path}/a.sock", reconnect_s=0) as py:
        lost = await lose(py, lambda: asyncio.sleep(0))
        assert "could not be followed again within 0 s" in str(lost)
        assert lost.execution_id is not None
        assert isinstance(lost, ConnectionError)
        with pytest.raises(ConnectionFailed):
            await py.execute("1")
    daemon = await start_daemon("--unix-socket", "a.sock")
    async with face(f"unix:{tmp_path}/a.sock") as py:
        lost = await lose(py, lambda: start_daemon("--unix-socket", "a.sock"))
        assert f"Execution not found: {lost.execution_id}" in str(lost)
        assert (await py.execute("print(2)")).stdout == "2\n"


async def test_a_kept_connection_that_has_ended_is_not_used(start_daemon: Start, tmp_path: Path) -> None:
    """Also if the program's event loop had no time to notice."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    async with AsyncInterpreter(f"unix:{tmp_path}/a.sock") as py:
        await py.execute("pass")
        os.kill(daemon.pid, signal.SIGKILL)
        with _daemon_at(tmp_path / "a.sock") as process:
            assert (await py.execute("print(1)")).stdout == "1\n"
            process.terminate()
            await gone(process.pid)


def _daemon_at(path: Path) -> subprocess.Popen[bytes]:
    """Start a daemon and wait for it, with the event loop."""
    process = subprocess.Popen([COMMAND, "serve", "--unix-socket", path], stdout=-1, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    return process


async def test_a_daemon_that_ends_says_so(face: Face, daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    started = asyncio.Event()
    async with face(daemon.url) as py:
        code = "print(1)\nwhile True: pass"
        running = asyncio.create_task(py.execute(code, on_stdout=lambda text: loop.call_soon_threadsafe(started.set)))
        await started.wait()
        await daemon.stop()
        execution = await running
    assert execution.error.value == "server is shutting down"
    assert execution.outcome in ("lost", "cancelled")


# Nobody there, or somebody else


async def test_no_daemon_says_how_to_start_one(face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERPRETERD_URL", raising=False)
    cases = [
        ("http://127.0.0.1:1", "Connection refused", "`interpreterd serve --port 1`"),
        (f"unix:{tmp_path}/a", "No such file or directory", f"`interpreterd serve --unix-socket {tmp_path}/a`"),
        ("http://no-such-name.invalid", "", "`interpreterd serve`"),
    ]
    for url, reason, start in cases:
        async with face(url) as py:
            with pytest.raises(ConnectionFailed) as caught:
                await py.execute("1")
            assert str(caught.value).startswith(f"no daemon answers at {url} (")
            assert reason in str(caught.value)
            assert start in str(caught.value)
            with pytest.raises(ConnectionFailed):
                await py.list_contexts()


async def test_where_the_daemon_is(face: Face, start_daemon: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = await start_daemon("--base-path", "/below")
    for url in (daemon.url + "/below", daemon.url + "/below/", daemon.url):
        monkeypatch.setenv("INTERPRETERD_URL", url)
        async with face() as py:
            assert (await py.execute("print(1)")).stdout == "1\n"
    for wrong in ("localhost:3987", "ftp://localhost", "http://", "unix:a.sock", "http://[::1"):
        with pytest.raises(ValueError, match="url"):
            face(wrong)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{CLOSE}: 2\r\n\r\nhi", 200),
        (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{CLOSE}: 2\r\n\r\nhi", 200),
        (f"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n{CLOSE}: 2\r\n\r\n[]", 404),
        (f"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n{CLOSE}: 0\r\n\r\n", 301),
        (NO_SERVER, 502),
        ("SSH-2.0-OpenSSH_9.2\r\n", 0),
    ],
    ids=["page", "nonsense", "list", "elsewhere", "proxy", "ssh"],
)
async def test_somebody_else_answers(face: Face, stranger: Proxy, answer: str, status: int) -> None:
    stranger.plans.extend([Say(answer.encode())] * 2)
    async with face(stranger.url, headers={"Authorization": "Bearer me"}) as py:
        with pytest.raises(UnexpectedAnswer) as caught:
            await py.list_contexts()
        assert caught.value.status == status
        with pytest.raises(UnexpectedAnswer):
            await py.execute("1")
    assert b"Authorization: Bearer me\r\n" in stranger.heard[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("{}", "no event"), ("nonsense", "no event"), ("[" * 100_000, "no event"), ("x" * (5 << 20), "more than 4194304")],
    ids=["object", "nonsense", "nested", "long"],
)
async def test_an_answer_that_is_no_event(face: Face, stranger: Proxy, line: str, reason: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: {len(line) + 1}\r\n\r\n"
    stranger.plans.append(Say(f"{head}{line}\n".encode()))
    async with face(stranger.url) as py:
        with pytest.raises(UnexpectedAnswer, match=reason):
            await py.execute("1")


async def test_a_request_without_an_answer_is_lost(face: Face, through: Proxy) -> None:
    through.plans.append(Swallow())
    async with face(through.url) as py:
        with pytest.raises(ConnectionLost) as caught:
            await py.create_context()
        assert not isinstance(caught.value, ExecutionLost)
        assert await py.list_contexts() == []


async def test_an_answer_that_does_not_come(face: Face, stranger: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpreterd.client.link.REQUEST_TIMEOUT_S", 0.01)
    stranger.plans.append(Hold(asyncio.Event()))
    async with face(stranger.url) as py:
        with pytest.raises(ConnectionLost, match="no answer"):
            await py.list_contexts()


async def test_a_connection_serves_one_execution_after_another(face: Face, through: Proxy) -> None:
    async with face(through.url) as py:
        for _ in range(3):
            await py.execute("print(1)")
            await py.list_contexts()
    assert through.connections == 1


# A private daemon


async def test_a_private_daemon(
    face: Face, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in the current directory is not taken for a part of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aiohttp.py").write_text("raise LookupError")
    async with face.local("--log-level", "info") as py:
        code = "import os, sys; print(os.getppid(), sys.executable, os.getcwd(), sep='\\n')"
        pid, executable, cwd = (await py.execute(code)).stdout.splitlines()
        (directory,) = _sockets(int(pid))
        assert os.stat(directory).st_mode & 0o777 == 0o700
        assert (executable, cwd) == (sys.executable, str(tmp_path))
    assert not alive(int(pid))
    assert not directory.exists()
    assert "shutting down" in caplog.text


def _sockets(pid: int) -> list[Path]:
    """Return the directories of the sockets on which a daemon listens."""
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return [Path(arguments[i + 1]).parent for i, word in enumerate(arguments) if word == "--unix-socket"]


async def test_a_private_daemon_that_does_not_start(face: Face, tmp_path: Path) -> None:
    for flags, reason in (
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--cwd", f"{tmp_path}/nowhere"], "no such directory"),
    ):
        py = face.local(*flags)
        with pytest.raises(StartFailed, match=reason):
            await py.execute("1")
        await py.close()
    daemon = LocalDaemon()
    daemon.stop()
    with pytest.raises(StartFailed):
        await face(daemon).__aenter__()


async def test_a_program_that_forgets_its_daemon(tmp_path: Path) -> None:
    """And forks; and runs in an event loop."""
    code = """
import asyncio, os, sys
from interpreterd.client import AsyncInterpreter, Interpreter
async def main():
    global py
    py = Interpreter.local()
    pid = py.execute("import os; print(os.getppid())").stdout.strip()
    if not (child := os.fork()):
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(pid, py.execute("print('lives')").stdout, end="")
asyncio.run(main())
"""
    pid, said = (await output_of(code)).split()
    assert said == "lives"
    await gone(int(pid))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_private_daemon_ends_with_its_program(number: int) -> None:
    code = """
from interpreterd.client import Interpreter
with Interpreter.local() as py:
    code = "import os; print(os.getppid())\\nwhile True: pass"
    py.execute(code, on_stdout=lambda text: print(text, flush=True))
"""
    async with program(code) as process:
        assert process.stdout is not None
        pid = int(await process.stdout.readline())
        process.send_signal(number)
        await process.wait()
        await gone(pid)


# Ctrl-C


CTRL_C = """
import sys
from interpreterd.client import Interpreter

def say(text):
    print(text, end="", flush=True)

with Interpreter.local("--grace-s", "1000") as py:
    try:
        py.execute(sys.argv[1], timeout=0, on_stdout=say, on_error=lambda error: print(error.name))
    except KeyboardInterrupt:
        print("stopped")
        if len(sys.argv) > 2:
            py.execute(sys.argv[2], on_stdout=say)
"""


async def test_ctrl_c_interrupts_the_code() -> None:
    """What it then says still comes, and its variables stay. The private daemon is none of the terminal's programs."""
    code = "x = 6\ntry:\n    print('go')\n    while True: pass\nfinally:\n    print('tidied')"
    async with program(CTRL_C, code, "print(x * 7)") as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"go\n"
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = await process.communicate()
    assert (rest.decode(), errors) == ("tidied\nKeyboardInterrupt\nstopped\n42\n", b"")


async def test_a_second_ctrl_c_leaves() -> None:
    # No print in the handler: it may come while the other one is still at work, and two at once are an error.
    code = (
        "import os, signal\nsignal.signal(signal.SIGINT, lambda *_: os.write(1, b'no\\n'))\n"
        "print('go')\nwhile True: pass"
    )
    async with program(CTRL_C, code) as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"go\n"
        os.killpg(process.pid, signal.SIGINT)
        assert await process.stdout.readline() == b"no\n"
        os.killpg(process.pid, signal.SIGINT)
        rest, errors = await process.communicate()
    assert (rest.decode(), errors) == ("stopped\n", b"")
