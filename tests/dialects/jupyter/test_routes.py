"""The routes of this dialect, on an application that speaks nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any


async def test_a_path_without_a_route_is_refused_in_the_form_of_the_dialect(
    open_client: Callable[..., Awaitable[Any]],
) -> None:
    client = await open_client(dialects=("jupyter",))
    async with client.get("/nowhere") as response:
        assert response.status == 404
        assert "/nowhere" in (await response.json())["message"]
