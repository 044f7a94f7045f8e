"""The routes of this dialect, on an application that speaks it first."""

from typing import Any

import pytest

from interpreterd.dialects.opensandbox.routes import TABLE


async def test_a_path_without_a_route_is_refused_in_the_form_of_the_dialect(box: Any) -> None:
    async with box.get("/nowhere") as response:
        assert response.status == 404
        assert await response.json() == {"code": "NOT_FOUND", "message": "Not Found: GET /nowhere"}


@pytest.mark.parametrize("base", ["", "/below"])
async def test_the_lifecycle_is_at_the_root_and_below_its_version(box: Any, base: str) -> None:
    for path in ("/sandboxes", "/v1/sandboxes"):
        async with box.get(base + path) as response:
            assert response.status == 200


def test_no_route_is_listed_twice() -> None:
    routes = [(method, route.path) for route in TABLE.routes for method in route.methods]
    assert len(set(routes)) == len(routes)
