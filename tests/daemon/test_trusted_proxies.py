"""HAProxy and nginx before a daemon that speaks TLS to them alone: it knows the addresses of their clients."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from certificates import Authority
from harness import PREFIX, Daemon

Start = Callable[..., Awaitable[Daemon]]
PROGRAMS = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
HAPROXY = """
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend headers
    mode http
    bind fd@{0}
    option forwardfor
    default_backend tls
backend tls
    mode http
    server daemon 127.0.0.1:{port} ssl verify required ca-file {ca} crt {both} verifyhost localhost
frontend bytes
    mode tcp
    bind fd@{1}
    default_backend proxied
backend proxied
    mode tcp
    server daemon 127.0.0.1:{port} send-proxy-v2
"""
NGINX = """
daemon off; pid {folder}/pid; error_log stderr; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{
        listen {address} ssl;
        ssl_certificate {both}; ssl_certificate_key {both};
        location / {{
            proxy_pass https://127.0.0.1:{port};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_ssl_certificate {both}; proxy_ssl_certificate_key {both};
            proxy_ssl_trusted_certificate {ca}; proxy_ssl_name localhost; proxy_ssl_verify on;
        }}
    }}
}}
"""


@contextlib.asynccontextmanager
async def running(program: str, *arguments: str, fds: list[int], env: dict[str, str]) -> AsyncIterator[None]:
    """Run a proxy, which has the listening sockets ``fds``, for the block."""
    found = shutil.which(program, path=PROGRAMS)
    if found is None:
        pytest.skip(f"{program} is not installed")
    process = await asyncio.create_subprocess_exec(
        found, *arguments, pass_fds=fds, env=env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def asked(port: int, source: str, context: ssl.SSLContext | None) -> bytes:
    """Run code by way of ``port``, from the address ``source``; return the answer's first line."""
    name = None if context is None else "localhost"
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=name, local_addr=(source, 0)
    )
    body = b'{"code": "1"}'
    head = (
        f"POST {PREFIX}/execute HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return answer.partition(b"\r\n")[0]


async def test_the_daemon_knows_the_clients_of_its_proxies(start_daemon: Start, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("a")
    mine = authority.issue("proxy")
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(await asyncio.gather(*(asyncio.to_thread(Path(it).read_bytes) for it in mine))))
    audit = tmp_path / "audit"
    daemon = await start_daemon(
        *("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", authority.ca),
        *("--trusted-proxy", "127.0.0.1", "--audit-log", str(audit)),
    )
    port = daemon.announced["port"]
    values = {"port": port, "ca": authority.ca, "both": both, "folder": tmp_path}
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        fds = [sock.fileno() for sock in sockets]
        ports = [sock.getsockname()[1] for sock in sockets]
        (tmp_path / "haproxy").write_text(HAPROXY.format(*fds, **values))
        (tmp_path / "nginx").write_text(NGINX.format(address=f"127.0.0.1:{ports[2]}", **values))
        context = authority.client_context(*mine)
        async with (
            running("haproxy", "-db", "-f", str(tmp_path / "haproxy"), fds=fds[:2], env={}),
            running("nginx", "-e", "stderr", "-c", str(tmp_path / "nginx"), fds=fds[2:], env={"NGINX": f"{fds[2]};"}),
        ):
            for number, tls in ((0, None), (1, context), (2, context)):
                assert b" 200 " in await asked(ports[number], f"127.0.0.{5 + number}", tls)
    assert await daemon.stop() == 0
    records = map(json.loads, (await asyncio.to_thread(audit.read_text)).splitlines())
    ended = [record["address"] for record in records if record["event"] == "execution.ended"]
    assert ended == ["127.0.0.5", "127.0.0.6", "127.0.0.7"]
