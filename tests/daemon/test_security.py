"""The daemon refuses foreign web pages, by ``Origin`` and ``Host``, and requests that are too large."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from harness import Client, Daemon, Gate, Running

StartDaemon = Callable[..., Awaitable[Daemon]]
EVIL = "http://evil.example"
CORS = "Access-Control-Allow-"


async def status_for(client: Client, **headers: str) -> int:
    """Return the status of a harmless request with ``headers``."""
    return (await client.request("GET", "/contexts", headers=headers))[0]


async def upgrade_status_for(client: Client, **headers: str) -> int:
    """Return the status of a WebSocket's handshake with ``headers``."""
    try:
        async with client.connect(headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


# Origin


async def test_origin_of_the_daemon_itself_is_served(own_client: Client, daemon: Daemon) -> None:
    port = daemon.announced["port"]
    for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"http://[::1]:{port}"):
        assert (origin, await status_for(own_client, Origin=origin)) == (origin, 200)
        assert (origin, await upgrade_status_for(own_client, Origin=origin)) == (origin, 101)


async def test_a_foreign_origin_is_refused(own_client: Client, daemon: Daemon) -> None:
    """Pages of other programs on this machine, and files, are also refused."""
    port = daemon.announced["port"]
    origins = [
        EVIL,
        f"{EVIL}:{port}",
        f"http://127.0.0.1.evil.example:{port}",
        "http://localhost:1",
        "http://localhost",
        f"chrome-extension://localhost:{port}",
        "null",
        "file://",
        "",
        "http://[::1",
        "http://localhost:port",
    ]
    for origin in origins:
        assert (origin, await status_for(own_client, Origin=origin)) == (origin, 403)
        assert (origin, await upgrade_status_for(own_client, Origin=origin)) == (origin, 403)


@pytest.mark.parametrize("header", [b"Host: loc\xfflhost", b"Host: localhost\r\nOrigin: http://\xff"])
async def test_a_header_that_is_no_utf_8_is_refused_like_any_other(daemon: Daemon, header: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.announced["port"])
    writer.write(b"GET /health HTTP/1.1\r\n" + header + b"\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 403 ")
    assert json.loads(body)["code"] == "forbidden"


async def test_a_refused_request_has_no_effect_and_no_cors_headers(own_client: Client) -> None:
    context = await own_client.create()
    for method, path in (("POST", "/context"), ("DELETE", f"/context/{context}"), ("OPTIONS", "/context")):
        async with own_client.http.request(method, own_client.base + path, headers={"Origin": EVIL}) as response:
            assert response.status == 403
            assert await response.json() == {
                "error": f"Origin not allowed: {EVIL}; --allow-origin allows it",
                "code": "forbidden",
            }
            assert not [name for name in response.headers if name.startswith(CORS)]
    _, body = await own_client.request("GET", "/contexts")
    assert [listed["id"] for listed in body["contexts"]] == [context]


@pytest.fixture
async def open_to_app(start_daemon: StartDaemon) -> AsyncIterator[Client]:
    """Yield a client of a daemon that allows two other origins."""
    daemon = await start_daemon("--allow-origin", "https://app.example, https://other.example:8443")
    async with Client(daemon.url) as client:
        yield client


async def test_allow_origin_lets_a_page_use_the_api_and_read_errors(open_to_app: Client) -> None:
    for method, path, status in (("POST", "/context", 200), ("GET", "/context/nowhere", 404), ("GET", "/nowhere", 404)):
        headers = {"Origin": "https://other.example:8443"}
        async with open_to_app.http.request(method, open_to_app.base + path, headers=headers) as response:
            assert response.status == status
            assert response.headers[CORS + "Origin"] == "https://other.example:8443"
            assert response.headers["Vary"] == "Origin"
    assert await upgrade_status_for(open_to_app, Origin="https://app.example") == 101
    for origin in (EVIL, "http://app.example", "https://app.example:8443", "https://other.example"):
        assert (origin, await status_for(open_to_app, Origin=origin)) == (origin, 403)


async def test_allow_origin_answers_a_preflight(open_to_app: Client) -> None:
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "content-type, x-daytona-sdk-version",
    }
    async with open_to_app.http.options(open_to_app.base + "/context/some", headers=headers) as response:
        assert response.status == 204
        assert response.headers[CORS + "Origin"] == "https://app.example"
        assert set(response.headers[CORS + "Methods"].split(", ")) == {"GET", "POST", "PUT", "PATCH", "DELETE"}
        assert response.headers[CORS + "Headers"] == "content-type, x-daytona-sdk-version"
        assert response.headers["Vary"] == "Origin"


async def test_allow_origin_star_lets_every_page_in(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--allow-origin", "*")
    async with Client(daemon.url) as client:
        assert await status_for(client, Origin=EVIL) == 200
        assert await upgrade_status_for(client, Origin=EVIL) == 101


# Host


async def test_host_that_names_this_machine_is_served(client: Client) -> None:
    for host in ("localhost", "LocalHost:1", "localhost.", "app.localhost:80", "127.0.0.1", "127.1.2.3", "[::1]:3987"):
        assert (host, await status_for(client, Host=host)) == (host, 200)
        assert (host, await upgrade_status_for(client, Host=host)) == (host, 101)


async def test_a_foreign_host_is_refused(own_client: Client, daemon: Daemon) -> None:
    """The page's origin is the same as the host: that happens after its name is rebound to a loopback address."""
    port = daemon.announced["port"]
    hosts = ["evil.example", f"evil.example:{port}", "localhost.evil.example", "10.0.0.1", "2130706433", "[::1", ":80"]
    for host in hosts:
        assert (host, await status_for(own_client, Host=host)) == (host, 403)
        assert (host, await status_for(own_client, Host=host, Origin=f"http://{host}")) == (host, 403)
        assert (host, await upgrade_status_for(own_client, Host=host)) == (host, 403)


async def test_allow_host_lets_a_proxy_in(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--allow-host", "Proxy.example,other.example:8443")
    async with Client(daemon.url) as client:
        for host in ("proxy.example", "PROXY.example:8443", "other.example:8443", "localhost"):
            assert (host, await status_for(client, Host=host)) == (host, 200)
            assert (host, await status_for(client, Host=host, Origin=f"https://{host}")) == (host, 200)
        for host in ("evil.example", "other.example", "proxy.example.evil.example"):
            assert (host, await status_for(client, Host=host)) == (host, 403)
        _, body = await client.request("GET", "/contexts", headers={"Host": "evil.example"})
        assert body == {"error": "Host not allowed: evil.example; --allow-host allows it", "code": "forbidden"}


async def test_allow_host_star_answers_to_every_name(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--allow-host", "*")
    async with Client(daemon.url) as client:
        assert await status_for(client, Host="whatever.example") == 200


# Sizes

LIMIT_BYTES = 1000
TOO_LARGE = f"the request is larger than the limit of {LIMIT_BYTES} bytes"


@pytest.fixture
async def strict(start_daemon: StartDaemon) -> AsyncIterator[Client]:
    """Yield a client of a daemon with the limit ``LIMIT_BYTES`` for requests."""
    daemon = await start_daemon("--body-limit-bytes", str(LIMIT_BYTES))
    async with Client(daemon.url) as client:
        yield client


def sized(message: dict[str, Any], size: int) -> str:
    """Return ``message`` as JSON of ``size`` bytes."""
    return json.dumps(message).ljust(size)


async def chunked(body: bytes) -> AsyncIterator[bytes]:
    """Yield ``body``. A request with such a body has no Content-Length."""
    yield body


async def test_a_body_over_the_limit_is_refused_with_413(strict: Client) -> None:
    error = {"error": "T" + TOO_LARGE[1:], "code": "body_too_large"}
    assert (await strict.request("POST", "/context", data=sized({}, LIMIT_BYTES)))[0] == 200
    assert await strict.request("POST", "/context", data=sized({}, LIMIT_BYTES + 1)) == (413, error)
    assert await strict.request("POST", "/context", data=chunked(b" " * 2 * LIMIT_BYTES)) == (413, error)
    assert len((await strict.request("GET", "/contexts"))[1]["contexts"]) == 1


async def test_a_message_over_the_limit_closes_with_1009_and_names_it(strict: Client) -> None:
    assert (await strict.send_first(sized({"code": "print(1)"}, LIMIT_BYTES))).stdout == "1\n"
    message = sized({"code": "print(1)"}, LIMIT_BYTES + 1)
    for too_large in (message, message.encode(), sized({"code": "print(1)"}, 100 * LIMIT_BYTES)):
        result = await strict.send_first(too_large)
        assert (result.messages, result.close_code, result.close_reason) == ([], 1009, TOO_LARGE)


async def test_a_later_message_over_the_limit_closes_too_and_the_execution_goes_on(strict: Client, gate: Gate) -> None:
    async with strict.connect() as socket:
        running = Running(socket)
        await socket.send_json({"code": f"print('on'); {gate.wait}; x = 1"})
        await running.until("on")
        await socket.send_str(" " * (LIMIT_BYTES + 1))
        result = await running.finish()
    assert (result.controls, result.close_code, result.close_reason) == ([], 1009, TOO_LARGE)
    gate.open()
    assert (await strict.run("print(x)")).stdout == "1\n"
