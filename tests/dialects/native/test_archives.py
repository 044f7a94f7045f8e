"""Archives over HTTP."""

from collections.abc import Callable

import pytest
from harness import Client
from standing import SharedDaemon


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/archives"),
        ("GET", "/archives/a"),
        ("DELETE", "/archives/a"),
        ("POST", "/context/default/archive"),
        ("POST", "/context/default/hibernate"),
    ],
)
async def test_without_a_state_directory_the_flag_is_named(
    method: str, path: str, standing: Callable[..., SharedDaemon]
) -> None:
    async with Client(standing().url) as client:
        await client.run("pass")
        status, body = await client.request(method, path)
        assert (status, body["code"]) == (409, "no_state_directory")
        assert "--state-dir" in body["error"]
