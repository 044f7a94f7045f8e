"""The daemon as a process: its start, its stdout and its log."""

import json
import resource
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import COMMAND, Client, Daemon

Start = Callable[..., Awaitable[Daemon]]

# Readiness, stdout and the log


async def test_stdout_is_one_line(start_daemon: Start) -> None:
    """Programs read only the first line of stdout, and a full pipe would stop the daemon."""
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
    last = [record for record in records if record["logger"] == "interpreterd.daemon"][-1]  # what ends then has events
    assert {"level": "info", "message": "shutting down"}.items() <= last.items()
    assert "debug" in {record["level"] for record in records}


# Flags and variables of the command; each room's test_settings.py tests them one by one


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
    daemon = await start_daemon("--host", host, "--insecure-bind")
    assert await daemon.ended() == 1
    assert daemon.log.decode().startswith(f"interpreterd: cannot listen on {host} port 0: ")
    assert daemon.log.count(b"\n") == 1


async def test_every_address(start_daemon: Start) -> None:
    """A client can connect to each announced address."""
    daemon = await start_daemon("--host", "0.0.0.0", "--insecure-bind")
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
    """Another user could guess the names of such files and create them first."""
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
