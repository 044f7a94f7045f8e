"""``client.link``: the daemon's address, and errors if another server answers there."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from certificates import Authority
from clients import Face
from command import ran
from harness import COMMAND, Daemon, gone
from proxy import Hold, Proxy, Say, Swallow

from interpreterd.client import AsyncInterpreter, ConnectionFailed, ConnectionLost, ExecutionLost, UnexpectedAnswer

Start = Callable[..., Awaitable[Daemon]]
CLOSE = "Connection: close\r\nContent-Length"
NO_SERVER = f"HTTP/1.1 502 Bad Gateway\r\n{CLOSE}: 0\r\n\r\n"


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


async def test_a_daemon_at_https(face: Face, start_daemon: Start, tmp_path: Path) -> None:
    """The client says why a certificate does not do; it trusts an authority by ``tls``, or by SSL_CERT_FILE."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("a")
    daemon = await start_daemon("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", authority.ca)
    mine = authority.issue("c")
    async with face(daemon.url, tls=authority.client_context(*mine)) as py:
        assert (await py.execute("print(1)")).stdout == "1\n"
    async with face(daemon.url) as py:
        with pytest.raises(ConnectionFailed, match="certificate verify failed"):
            await py.execute("1")
    flags = ("--tls-cert", mine[0], "--tls-key", mine[1])
    out, _ = await ran("run", "--url", daemon.url, "--tls-ca", authority.ca, *flags, "-c", "print(2)")
    assert out == "2\n"
    out, _ = await ran("run", "--url", daemon.url, *flags, "-c", "print(3)", SSL_CERT_FILE=authority.ca)
    assert out == "3\n"
    _, why = await ran("run", "--url", daemon.url, "--tls-key", mine[1], "-c", "1", status=2)
    assert "--tls-key: it needs --tls-cert as well" in why


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
async def test_another_server_answers(face: Face, stranger: Proxy, answer: str, status: int) -> None:
    stranger.plans.extend([Say(answer.encode())] * 2)
    async with face(stranger.url, headers={"Authorization": "Bearer me"}) as py:
        with pytest.raises(UnexpectedAnswer) as caught:
            await py.list_contexts()
        assert caught.value.status == status
        with pytest.raises(UnexpectedAnswer):
            await py.execute("1")
    assert b"Authorization: Bearer me\r\n" in stranger.heard[0]


async def test_a_request_without_an_answer_is_lost(face: Face, through: Proxy) -> None:
    through.plans.append(Swallow())
    async with face(through.url) as py:
        with pytest.raises(ConnectionLost) as caught:
            await py.create_context()
        assert not isinstance(caught.value, ExecutionLost)
        assert {context.id for context in await py.list_contexts()} <= {"default"}


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


async def test_a_kept_connection_that_has_ended_is_not_used(start_daemon: Start, tmp_path: Path) -> None:
    """The program's event loop may not have noticed the end yet."""
    daemon = await start_daemon("--unix-socket", "a.sock")
    async with AsyncInterpreter(f"unix:{tmp_path}/a.sock") as py:
        await py.execute("pass")
        os.kill(daemon.pid, signal.SIGKILL)
        with _daemon_at(tmp_path / "a.sock") as process:
            assert (await py.execute("print(1)")).stdout == "1\n"
            process.terminate()
            await gone(process.pid)


def _daemon_at(path: Path) -> subprocess.Popen[bytes]:
    """Start a daemon and wait for it while the event loop is blocked."""
    process = subprocess.Popen([COMMAND, "serve", "--unix-socket", path], stdout=-1, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    return process
