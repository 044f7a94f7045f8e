"""The system has no room for one more worker."""

from collections.abc import Awaitable, Callable

import pytest
from harness import COMMAND, Client, Daemon

StartDaemon = Callable[..., Awaitable[Daemon]]


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_without_descriptors_a_context_is_refused_and_the_others_go_on(
    start_daemon: StartDaemon, launcher: str
) -> None:
    limited = ["sh", "-c", 'ulimit -n 80 && exec "$0" "$@"', str(COMMAND)]
    daemon = await start_daemon("--launcher", launcher, "--pool-size", "0", command=limited)
    async with Client(daemon.url) as client:
        contexts = []
        while True:
            status, body = await client.request("POST", "/context")
            if status != 200:
                break
            contexts.append(body["id"])
        assert (status, body["code"]) == (503, "out_of_resources")
        assert "no descriptors are left of the limit of 80" in body["error"]
        for context in contexts:
            assert (await client.run("print('goes on')", context)).stdout == "goes on\n"
        await client.request("DELETE", f"/context/{contexts.pop()}")
        assert (await client.request("POST", "/context"))[0] == 200
