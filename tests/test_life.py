"""A daemon's signals: SIGTERM drains it, SIGHUP reads settings again, SIGUSR2 puts a new daemon in its place."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from harness import COMMAND, Client, Daemon, Gate, gone
from leaving import holds, logged

Start = Callable[..., Awaitable[Daemon]]


@asynccontextmanager
async def upgraded(daemon: Daemon) -> AsyncIterator[dict[str, Any]]:
    """Put a new daemon in the place of ``daemon``; yield its first line, and end it with the block."""
    daemon.process.send_signal(signal.SIGUSR2)
    assert daemon.process.stdout is not None
    announced = json.loads(await daemon.process.stdout.readline())
    try:
        await logged(daemon, b"accepts connections now")
        yield announced
    finally:
        with suppress(ProcessLookupError):
            os.kill(announced["pid"], signal.SIGTERM)
        await gone(announced["pid"])


async def test_sigterm_lets_accepted_work_end_and_refuses_new_work(start_daemon: Start, gate: Gate) -> None:
    daemon = await start_daemon("--drain-timeout", "1h")
    async with Client(daemon.url) as client, client.running(f"print(1)\n{gate.wait}\nprint(2)") as running:
        await running.until("1")
        idle, http = await client.create(), client.http
        async with client.running("print(3)") as queued, http.ws_connect(client.base + "/session") as session:
            while not (await client.request("GET", "/contexts"))[1]["contexts"][0]["queued"]:
                pass
            daemon.process.terminate()
            await logged(daemon, b"draining: for at most 3600 s")
            for path, status, told in (("live", 200, "ok"), ("ready", 503, "draining")):
                async with http.get(f"{daemon.url}/health/{path}") as health:
                    assert (health.status, (await health.json())["status"]) == (status, told)
            why = "server is shutting down: it takes no new work, and ends after what runs and waits"
            for method, path, body in (
                ("POST", client.base + "/context", {}),
                ("POST", client.base + "/execute", {"code": "1"}),
                ("POST", client.base + "/execute", {"code": "1", "contextId": idle, "background": True}),
                ("POST", daemon.url + "/api/kernels", {}),
                ("POST", daemon.url + "/execute", {"code": "1"}),
                ("POST", daemon.url + "/contexts", {}),
                ("POST", daemon.url + "/code/context", {"language": "python"}),
            ):
                async with http.request(method, path, json=body) as refused:
                    text = await refused.text()
                    assert (refused.status, refused.headers.get("Retry-After")) == (503, "1"), (path, text)
                    assert why in text.lower(), path
            result = await client.run("1")
            assert (result.close_code, result.error and result.error["value"]) == (1001, why)
            await session.send_json({"op": "execute", "code": "1", "requestId": "a"})
            assert why in (await session.receive()).data.lower()
            assert (await client.request("GET", f"/context/{idle}"))[0] == 200
            gate.open()
            assert (await queued.finish()).stdout == "3\n"
        assert (await running.finish()).stdout == "1\n2\n"
    assert await daemon.ended() == 0


async def test_what_is_left_after_the_time_is_ended_and_a_second_signal_does_not_wait(start_daemon: Start) -> None:
    code = "print(1, flush=True)\nwhile True: pass"
    daemon = await start_daemon("--drain-timeout", "0.2")
    async with Client(daemon.url) as client, client.running(code) as running:
        await running.until("1")
        daemon.process.terminate()
        result = await running.finish()
        assert (result.close_code, result.close_reason) == (1001, "server is shutting down")
    assert await daemon.ended() == 0
    assert b"work is left after 0.2 s: it is ended" in daemon.log
    daemon = await start_daemon("--drain-timeout", "1h")
    async with Client(daemon.url) as client, client.running(code) as running:
        await running.until("1")
        daemon.process.terminate()
        await logged(daemon, b"draining")
        daemon.process.terminate()
        assert await daemon.ended() == 128 + signal.SIGTERM


async def test_a_daemon_without_work_does_not_wait(start_daemon: Start) -> None:
    daemon = await start_daemon("--drain-timeout", "1h")
    async with Client(daemon.url) as client:
        await client.run("1")
        assert await daemon.stop() == 0


async def test_a_new_daemon_takes_the_addresses_and_no_connection_is_refused(
    start_daemon: Start, gate: Gate, tmp_path: Path
) -> None:
    """Contexts of the old one live on in it until it has drained; the new one does not know them."""
    path = tmp_path / "a.sock"
    daemon = await start_daemon("--listen", f"unix:{path}")
    statuses: list[int] = []
    over = asyncio.Event()

    async def knock() -> None:
        async with Client(daemon.url) as client:
            while not over.is_set():
                headers = {"Connection": "close"}
                async with client.http.get(daemon.url + "/health", headers=headers) as answer:
                    statuses.append(answer.status)
                async with client.http.post(client.base + "/execute", json={"code": "1"}) as answer:
                    statuses.append(answer.status)

    async with asyncio.TaskGroup() as tasks, Client(daemon.url) as client:
        knocking = [tasks.create_task(knock()) for _ in range(2)]
        context = await client.create()
        async with client.running(f"print(1)\n{gate.wait}\nprint(2)", contextId=context) as running:
            await running.until("1")
            async with upgraded(daemon) as announced:
                assert announced["url"] == daemon.url
                await logged(daemon, b"draining: as long as it takes")
                before = len(statuses)
                await holds(lambda: len(statuses) >= before + 20)
                for url in (daemon.url, f"unix:{path}"):
                    async with Client(url) as fresh:
                        assert (await fresh.request("GET", f"/context/{context}"))[0] == 404
                        assert (await fresh.run("import os; print(os.getppid())")).stdout == f"{announced['pid']}\n"
                gate.open()
                assert (await running.finish()).stdout == "1\n2\n"
                assert await daemon.process.wait() == 0  # its stderr is the new one's, too
                assert path.exists()
                over.set()
                await asyncio.gather(*knocking)
        assert not path.exists()
    assert set(statuses) == {200}


async def test_a_new_daemon_can_be_replaced_too(start_daemon: Start) -> None:
    """The old one has no work, and so ends soon."""
    daemon = await start_daemon("--exit-with-parent")
    async with upgraded(daemon) as first:
        assert await daemon.process.wait() == 0  # its stderr is the new one's, too
        os.kill(first["pid"], signal.SIGUSR2)
        assert daemon.process.stdout is not None
        second = json.loads(await daemon.process.stdout.readline())
    async with Client(second["url"]) as client:
        assert (await client.run("import os; print(os.getppid())")).stdout == f"{second['pid']}\n"
    os.kill(second["pid"], signal.SIGTERM)
    await gone(second["pid"])


async def test_a_new_daemon_needs_the_same_token(start_daemon: Start) -> None:
    """It is told the hash of the token, and not by a variable, which others could read."""
    token = "a-token-that-nobody-else-knows-of"
    daemon = await start_daemon(env={"INTERPRETERD_TOKEN": token})
    async with upgraded(daemon) as announced, Client(daemon.url) as client:
        assert await daemon.process.wait() == 0
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 200)):
            assert (await client.request("POST", "/execute", json={"code": "1"}, headers=headers))[0] == status
        environ = await asyncio.to_thread(Path(f"/proc/{announced['pid']}/environ").read_bytes)
        assert b"INTERPRETERD_HANDOVER" in environ
        assert token.encode() not in environ


async def test_if_the_new_daemon_does_not_start_the_old_one_goes_on(start_daemon: Start, tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text("pool-size = 1\n")
    daemon = await start_daemon("--config", str(config))
    config.write_text("pool-siez = 1\n")
    for _ in range(2):
        daemon.log = b""
        daemon.process.send_signal(signal.SIGUSR2)
        await logged(daemon, b"no new daemon has started, this one goes on: it has ended with status 2")
        assert b"pool-siez: unknown key" in daemon.log
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"
        async with client.http.get(daemon.url + "/health/ready") as ready:
            assert ready.status == 200
    assert await daemon.stop() == 0


async def test_the_supervisor_hears_of_it_all(start_daemon: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)

        heard: list[dict[str, str]] = []

        async def listen() -> None:
            while True:
                text = (await asyncio.get_running_loop().sock_recv(sock, 4096)).decode()
                heard.append(dict(line.split("=", 1) for line in text.split("\n")))

        async def hear(count: int, **states: str) -> None:
            """Wait until ``count`` messages have had these ``states``."""
            await holds(lambda: sum(message.items() >= states.items() for message in heard) >= count)

        listening = asyncio.create_task(listen())
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        daemon = await start_daemon(env=env)
        status = f"listening on 127.0.0.1 port {daemon.announced['port']}"
        await hear(1, READY="1", MAINPID=str(daemon.pid), STATUS=status)
        await hear(2, WATCHDOG="1")
        daemon.process.send_signal(signal.SIGHUP)
        await hear(1, RELOADING="1")
        await hear(2, READY="1", MAINPID=str(daemon.pid))
        async with upgraded(daemon) as announced:
            await hear(2, RELOADING="1")
            await hear(2, READY="1", MAINPID=str(announced["pid"]))
            assert await daemon.process.wait() == 0  # its stderr is the new one's, too
            assert not [message for message in heard if "STOPPING" in message]
            heard.clear()
            await hear(1, WATCHDOG="1")
            os.kill(announced["pid"], signal.SIGTERM)
            await hear(1, STOPPING="1", EXTEND_TIMEOUT_USEC="15000000")
        listening.cancel()


async def test_the_end_of_its_terminal_ends_the_daemon(start_daemon: Start) -> None:
    """Elsewhere SIGHUP means to read settings again; see test_listening."""
    code = f"""
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.dup2(3, 1)
    os.execv({str(COMMAND)!r}, [{str(COMMAND)!r}, *sys.argv[1:]])
sys.stdin.read()
"""
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", f"import os; os.dup2({writer}, 3); os.set_inheritable(3, True)\n{code}", "serve", "--port", "0"),
        stdin=asyncio.subprocess.PIPE,
        pass_fds=[writer],
    )
    os.close(writer)
    pid = json.loads(await asyncio.to_thread(os.read, reader, 4096))["pid"]
    os.close(reader)
    process.stdin.close()
    await process.wait()
    await gone(pid)
