"""The routes of this dialect, on an application that speaks nothing else."""

from typing import Any

import pytest


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/execute", 405)])
async def test_what_has_no_route_is_refused_in_text(e2b: Any, method: str, path: str, status: int) -> None:
    async with e2b.request(method, path) as response:
        assert (response.status, response.content_type) == (status, "text/plain")
        assert path in await response.text()
