"""The server itself."""

from typing import Any

import pytest


@pytest.mark.parametrize("base_path", ["", "/below"])
async def test_it_is_healthy(e2b: Any, base_path: str) -> None:
    async with e2b.get(base_path + "/health") as response:
        assert (response.status, await response.json()) == (200, "OK")
