"""Several APIs on one port: an API without clients costs nothing, and each path is answered by one API."""

import sys
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from harness import Client, Daemon
from standing import SharedDaemon
from walking import NAMES, routes, shared

TELL = """
import sys
from interpreterd.__main__ import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""
TELLING = [sys.executable, "-c", TELL]
LATE = ("jupyter", "e2b", "opensandbox")


async def answer(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def imported(daemon: Daemon) -> set[str]:
    """Return the modules of late dialects that a daemon had imported at its end; it was started by ``TELLING``."""
    names = daemon.log.decode().split()
    assert "interpreterd.dialects.native.routes" in names
    return {name for name in names if name.startswith(tuple(f"interpreterd.dialects.{late}" for late in LATE))}


async def test_a_dialect_that_nobody_uses_is_not_imported(start_daemon: Callable[..., Awaitable[Daemon]]) -> None:
    native = await start_daemon(command=TELLING)
    async with Client(native.url) as client:
        assert (await client.run("print(1)")).stdout == "1\n"
        assert (await client.request("GET", "/contexts"))[0] == 200
        assert (await answer(native.url + "/health"))[1].startswith('{"status":"ok"')
    await native.stop()
    assert imported(native) == set()
    assert "interpreterd.dialects.late" not in native.log.decode().split()


async def test_a_request_imports_its_own_dialect_and_of_others_their_tables_alone(
    start_daemon: Callable[..., Awaitable[Daemon]],
) -> None:
    daemon = await start_daemon(command=TELLING)
    assert await answer(daemon.url + "/ping") == (200, "")
    await daemon.stop()
    others = {name for name in imported(daemon) if "opensandbox" not in name}
    assert others == {f"interpreterd.dialects.{late}{part}" for late in ("jupyter", "e2b") for part in ("", ".routes")}
    assert "interpreterd.dialects.opensandbox.errors" in imported(daemon)


async def test_one_port_serves_all_and_native_has_the_health(start_daemon: Callable[..., Awaitable[Daemon]]) -> None:
    daemon = await start_daemon("--base-path", "/below")
    for base in (daemon.url, daemon.url + "/below"):
        assert (await answer(base + "/health"))[1].startswith('{"status":"ok"')
        assert (await answer(base + "/ping"))[0] == 200
        assert "version" in (await answer(base + "/api"))[1]


async def test_only_the_chosen_ones_are_served_and_the_first_refuses(
    start_daemon: Callable[..., Awaitable[Daemon]],
) -> None:
    daemon = await start_daemon(env={"INTERPRETERD_DIALECTS": "e2b,jupyter"})
    assert await answer(daemon.url + "/health") == (200, '"OK"')
    assert (await answer(daemon.url + "/api"))[0] == 200
    assert (await answer(daemon.url + "/process/interpreter/contexts"))[0] == 404
    assert await answer(daemon.url + "/ping") == (404, "Not Found: GET /ping")  # E2B's form


@pytest.mark.parametrize("names", ["natvie", "", "native,jupyter,native"])
async def test_an_unknown_name_is_one_clear_line(start_daemon: Callable[..., Awaitable[Daemon]], names: str) -> None:
    daemon = await start_daemon(f"--dialects={names}")
    assert await daemon.ended() == 2
    assert daemon.log.decode() == (
        "interpreterd serve: error: argument --dialects: must be one or more of native, jupyter, e2b, opensandbox, "
        "each once, separated by commas. See `interpreterd serve --help`.\n"
    )


async def test_head_has_no_body_at_any_route(standing: Callable[..., SharedDaemon]) -> None:
    daemon = standing()
    async with aiohttp.ClientSession() as session:
        for route in (route for name in NAMES for route in routes(name) if route.method == "GET"):
            async with session.head(daemon.url + route.path) as response:
                assert await response.read() == b""
                if not route.head and not shared(route.path):
                    assert response.status == 405, route
                else:
                    assert response.status < 500, route
