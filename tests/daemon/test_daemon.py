"""The daemon as a process: how it starts, what it says where, how it ends, and that nothing outlives it."""

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from harness import COMMAND, Client, Daemon, Result, children, gone

from interpreterd.logs.handler import JsonFormatter

Start = Callable[..., Awaitable[Daemon]]

# Starts a child, a grandchild in a session of its own and a process that has detached itself as daemons do, all deaf
# to polite signals; prints their pids and its own.
FAMILY = """
import os, signal
def live():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.write(writer, f"{os.getpid()}\\n".encode())
    while True:
        signal.pause()
reader, writer = os.pipe()
if not os.fork():
    if not os.fork():
        os.setsid()
        live()
    live()
if not (pid := os.fork()):
    os.setsid()
    if not os.fork():
        live()
    os._exit(0)
os.waitpid(pid, 0)
with open(reader) as lines:
    print(*[next(lines).strip() for _ in range(3)], os.getpid(), flush=True)
"""
DEATHS = {
    "exit status 3": "os._exit(3)",
    "killed by SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "killed by SIGSEGV": "os.kill(os.getpid(), signal.SIGSEGV)",
}


def pids(result: Result) -> list[int]:
    """What ``FAMILY`` has printed: the worker's pid is the last."""
    return [int(word) for word in result.stdout.split()]


# Readiness, and what is written where


async def test_stdout_is_one_line(start_daemon: Start) -> None:
    """Whatever else happens: nobody reads on after the first line, and a full pipe would stop the daemon."""
    daemon = await start_daemon("--log-level", "debug")
    assert sorted(daemon.announced) == ["pid", "port", "url"]
    assert daemon.announced["url"] == f"http://127.0.0.1:{daemon.announced['port']}"
    assert daemon.pid == daemon.process.pid
    async with Client(daemon.url) as client:
        await client.run("print(1)\nimport os; os.write(1, b'2'); os.system('echo 3')\n1/0")
        await client.run("import os; os._exit(1)")
        await client.send_first("nonsense")
    daemon.process.terminate()
    assert daemon.process.stdout is not None
    assert await daemon.process.stdout.read() == b""
    assert await daemon.ended() == 0


async def test_logs_for_people(daemon: Daemon) -> None:
    await daemon.stop()
    lines = daemon.log.decode().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(f"INFO interpreterd.daemon: listening on 127.0.0.1 port {daemon.announced['port']}")
    assert lines[1].endswith("INFO interpreterd.daemon: shutting down")


async def test_logs_for_programs(start_daemon: Start) -> None:
    daemon = await start_daemon("--log-format", "json", "--log-level", "debug")
    async with Client(daemon.url) as client:
        await client.run("import os; os._exit(1)")
        await client.create()
        await client.send_first("nonsense")
    await daemon.stop()
    records = [json.loads(line) for line in daemon.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(record) for record in records)
    assert {"level": "info", "message": "shutting down"}.items() <= records[-1].items()
    assert "debug" in {record["level"] for record in records}


def test_a_record_is_one_line_of_json() -> None:
    """Whatever is in it: line breaks, a traceback, what no UTF-8 can hold."""
    try:
        raise ValueError("two\nlines \udcff")
    except ValueError:
        record = logging.LogRecord("name", logging.ERROR, __file__, 1, "%s", ("a\nb \udcff",), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    body = json.loads(line)
    assert body["message"] == "a\nb \\udcff"
    assert body["exception"].endswith("ValueError: two\nlines \\udcff")


# Flags and variables, as the command knows them; test_settings.py has them one by one


async def test_wrong_usage(start_daemon: Start) -> None:
    daemon = await start_daemon("--log-level", "loud")
    assert await daemon.ended() == 2
    assert b"--log-level" in daemon.log
    assert daemon.announced == {}


async def test_variables_reach_the_command(start_daemon: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    variables = {"CWD": str(home), "LOG_FORMAT": "json", "BASE_PATH": "/below"}
    daemon = await start_daemon(env={f"INTERPRETERD_{name}": value for name, value in variables.items()})
    async with Client(daemon.url + "/below") as client:
        result = await client.run("import os; print(os.getcwd(), [n for n in os.environ if 'INTERPRETERD' in n])")
    assert result.stdout == f"{home} []\n"
    await daemon.stop()
    assert json.loads(daemon.log.splitlines()[0])["level"] == "info"


async def test_port_in_use(start_daemon: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon = await start_daemon("--port", str(port))
        assert await daemon.ended() == 1
    assert daemon.log.decode() == f"interpreterd: port {port} on 127.0.0.1 is in use; --port 0 picks a free one\n"
    assert daemon.announced == {}


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "two..dots"])
async def test_no_such_address(start_daemon: Start, host: str) -> None:
    daemon = await start_daemon("--host", host)
    assert await daemon.ended() == 1
    assert daemon.log.decode().startswith(f"interpreterd: cannot listen on {host} port 0: ")
    assert daemon.log.count(b"\n") == 1


async def test_every_address(start_daemon: Start) -> None:
    """What is announced can be connected to."""
    daemon = await start_daemon("--host", "0.0.0.0")
    assert daemon.url == f"http://127.0.0.1:{daemon.announced['port']}"
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"


async def test_default_directory_is_the_current_one(own_client: Client, tmp_path: Path) -> None:
    assert (await own_client.run("import os; print(os.getcwd())")).stdout == f"{tmp_path}\n"


async def test_relative_directory(start_daemon: Start, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    daemon = await start_daemon("--cwd", "home")
    async with Client(daemon.url) as client:
        assert (await client.run("import os; print(os.getcwd())")).stdout == f"{tmp_path / 'home'}\n"
        _, body = await client.request("POST", "/context", json={})
        assert body["cwd"] == str(tmp_path / "home")


async def test_as_many_open_files_as_the_system_allows(start_daemon: Start) -> None:
    daemon = await start_daemon(command=["sh", "-c", 'ulimit -Sn 256; exec "$0" "$@"', str(COMMAND)])
    soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    assert soft == hard != 256


async def test_nothing_is_written_to_the_temporary_directory(start_daemon: Start, tmp_path: Path) -> None:
    """There, names can be guessed, and prepared by others."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    daemon = await start_daemon(env={"TMPDIR": str(temporary)})
    async with Client(daemon.url) as client:
        await client.run("def f(): return 1/0")
        assert (await client.run("f()")).error is not None
        await client.run("x = 1", await client.create())
        await client.run("exit()")
        assert (await client.run("import tempfile; print(tempfile.gettempdir())")).stdout == f"{temporary}\n"
        assert list(temporary.iterdir()) == []
    await daemon.stop()
    assert list(temporary.iterdir()) == []


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_shutdown(start_daemon: Start, number: signal.Signals, launcher: str) -> None:
    """Whoever waits is told, and no process is left: of the busy context, of the idle one, of the default one."""
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client:
        idle = await client.create()
        busy = await client.create()
        families = pids(await client.run(FAMILY, idle)) + pids(await client.run(FAMILY))
        async with client.running(FAMILY + "while True: pass", contextId=busy) as running:
            await running.until("\n")
            families += pids(running.result)
            async with client.running("print('never')", contextId=busy) as queued:
                # answered in order: the second execution is in the queue when the daemon has read it
                await client.run("pass", idle)
                daemon.process.send_signal(number)
                results = [await running.finish(), await queued.finish()]
    for result in results:
        assert result.messages[-1] == {
            "type": "error",
            "name": "ContextError",
            "value": "server is shutting down",
            "traceback": "",
        }
        assert (result.close_code, result.close_reason) == (1001, "server is shutting down")
    assert results[1].stdout == ""
    assert await daemon.ended() == 0
    await gone(*families)


async def test_shutdown_while_a_client_does_not_read(daemon: Daemon) -> None:
    """It is not waited for beyond a moment, however much there is for it."""
    async with Client(daemon.url) as client, client.running("while True: print('x' * 1000)") as running:
        await running.until("x")
        daemon.process.terminate()
        assert await daemon.ended() == 0


async def test_second_signal_ends_at_once(daemon: Daemon) -> None:
    """The daemon stands still until both signals are there: it takes one after the other, and has time for nothing."""
    async with Client(daemon.url) as client, client.running(FAMILY + "while True: pass") as running:
        await running.until("\n")
        daemon.process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, daemon.pid, os.WSTOPPED | os.WNOWAIT)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGINT)
        daemon.process.send_signal(signal.SIGCONT)
        result = await running.finish()
    assert await daemon.ended() in (128 + signal.SIGTERM, 128 + signal.SIGINT)
    assert result.close_code == 1006
    await gone(*pids(result))


@pytest.mark.parametrize("hangs", ["-c", "/proc/self/fd/"], ids=["asked for its version", "as a worker"])
async def test_shutdown_while_an_interpreter_hangs(start_daemon: Start, tmp_path: Path, hangs: str) -> None:
    """Whoever waits for it is told, and it is killed."""
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDWR)
    python = tmp_path / "python"
    python.write_text(
        f"""#!/bin/sh
        case "$*" in
            *{hangs}*) echo $$ > {tmp_path / "fifo"}; exec sleep 1000;;
            *) echo "$0"; echo 3.9.0;;
        esac
        """
    )
    python.chmod(0o755)
    daemon = await start_daemon("--python", str(python), "--pool-size", "0")
    hanging = asyncio.Event()
    asyncio.get_running_loop().add_reader(fifo, hanging.set)
    async with Client(daemon.url) as client:
        creation = asyncio.create_task(client.request("POST", "/context"))
        await hanging.wait()
        daemon.process.terminate()
        status, body = await creation
    asyncio.get_running_loop().remove_reader(fifo)
    pid = int(os.read(fifo, 100))
    os.close(fifo)
    assert (status, body["error"]) == (503, "Server is shutting down")
    assert await daemon.ended() == 0
    await gone(pid)


PARENT = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


async def test_exit_with_parent(start_daemon: Start) -> None:
    daemon = await start_daemon("--exit-with-parent", command=[sys.executable, "-c", PARENT, str(COMMAND)])
    assert daemon.pid != daemon.process.pid
    async with Client(daemon.url) as client, client.running(FAMILY + "while True: pass") as running:
        await running.until("\n")
        daemon.process.kill()
        result = await running.finish()
    assert (result.close_code, result.close_reason) == (1001, "server is shutting down")
    await gone(daemon.pid, *pids(result))


async def test_without_that_flag_it_stays(start_daemon: Start) -> None:
    daemon = await start_daemon(command=[sys.executable, "-c", PARENT, str(COMMAND)])
    daemon.process.kill()
    await daemon.process.wait()
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"
    os.kill(daemon.pid, signal.SIGTERM)
    await gone(daemon.pid)


@pytest.mark.parametrize(
    "afterwards",
    [
        "",
        "while True: pass",
        "signal.pause()",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); signal.pause()",
        "os.close(1); os.close(2); os.closerange(3, 5000); signal.pause()",
    ],
    ids=["idle", "busy", "waiting", "deaf", "cut off"],
)
@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_sigkill_leaves_nothing(start_daemon: Start, afterwards: str, launcher: str) -> None:
    """Not the worker, idle or busy or deaf, nor what it has started, nor the guard that sees to it."""
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client, client.running(FAMILY + afterwards) as running:
        await running.until("\n")
        if not afterwards:
            await running.finish()
        below = children(daemon.pid)
        family = pids(running.result)
        daemon.process.kill()
        await gone(*family, *below)
    assert await daemon.ended() == -signal.SIGKILL


async def test_sigkill_leaves_nothing_of_a_daemon_without_stdin(start_daemon: Start) -> None:
    """As some supervisors start it: the first descriptor that is opened is then number 0."""
    daemon = await start_daemon(command=["sh", "-c", 'exec "$0" "$@" <&-', str(COMMAND)])
    async with Client(daemon.url) as client, client.running(FAMILY + "while True: pass") as running:
        await running.until("\n")
        below = children(daemon.pid)
        daemon.process.kill()
        await gone(*pids(running.result), *below)


async def test_sigkill_while_workers_start(daemon: Daemon) -> None:
    async with Client(daemon.url) as client:
        creations = [asyncio.create_task(client.create()) for _ in range(5)]
        await client.run("pass")
        below = children(daemon.pid)
        daemon.process.kill()
        await asyncio.gather(*creations, return_exceptions=True)
        await gone(*below)


@pytest.fixture(params=["spawn", "fork"])
async def bare(request: pytest.FixtureRequest, start_daemon: Start) -> AsyncIterator[tuple[Daemon, Client]]:
    """A daemon without a pool, and its client: at the end it has the child that it had at first, not even a zombie."""
    daemon = await start_daemon("--pool-size", "0", "--launcher", request.param)
    async with Client(daemon.url) as client:
        await client.request("DELETE", f"/context/{await client.create()}")  # it has looked for its Python
        before = children(daemon.pid)
        yield daemon, client
        while children(daemon.pid) != before:  # a sweep may go on
            await client.request("GET", "/health")


async def test_deletion_leaves_nothing(bare: tuple[Daemon, Client]) -> None:
    _, client = bare
    idle, busy = await client.create(), await client.create()
    family = pids(await client.run(FAMILY, idle))
    async with client.running(FAMILY + "while True: pass", contextId=busy) as running:
        await running.until("\n")
        await client.request("DELETE", f"/context/{busy}")
        family += pids(await running.finish())
    await client.request("DELETE", f"/context/{idle}")
    await gone(*family)


@pytest.mark.parametrize("how", DEATHS)
async def test_death_of_a_worker_leaves_nothing(bare: tuple[Daemon, Client], how: str) -> None:
    _, client = bare
    context = await client.create()
    result = await client.run(FAMILY + DEATHS[how], context)
    assert result.error is not None
    assert (result.error["name"], result.error["value"]) == ("WorkerDied", how)
    await gone(*pids(result))
    assert (await client.run("print('back')", context)).stdout == "back\n"
    await client.request("DELETE", f"/context/{context}")


async def test_exit_leaves_nothing(bare: tuple[Daemon, Client]) -> None:
    _, client = bare
    context = await client.create()
    result = await client.run(FAMILY + "exit()", context)
    assert result.controls == ["completed"]
    await gone(*pids(result))
    await client.request("DELETE", f"/context/{context}")


async def test_kill_after_a_timeout_leaves_nothing(start_daemon: Start) -> None:
    daemon = await start_daemon("--grace-s", "0")
    deaf = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    async with Client(daemon.url) as client:
        result = await client.run(FAMILY + deaf, timeout=1)
        assert result.close_code == 4008
        await gone(*pids(result))


async def test_family_of_one_context_only(client: Client) -> None:
    """A death takes nobody along who belongs to another context."""
    one, other = await client.create(), await client.create()
    await client.run("import subprocess\nchild = subprocess.Popen(['sleep', '1000'])", other)
    result = await client.run(FAMILY + "os._exit(1)", one)
    await gone(*pids(result))
    await client.request("DELETE", f"/context/{one}")
    assert (await client.run("print(child.poll())", other)).stdout == "None\n"
