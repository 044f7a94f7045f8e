"""What the server tells about itself."""

from collections.abc import Awaitable, Callable
from typing import Any


async def test_the_server_is_there(open_client: Callable[..., Awaitable[Any]]) -> None:
    client = await open_client(dialects=("e2b",))
    async with client.get("/health") as response:
        assert response.status == 200
        assert await response.text() == "OK"
