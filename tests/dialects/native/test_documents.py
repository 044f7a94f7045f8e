"""The daemon serves the documents unchanged, below any base path."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from interpreterd.dialects.native.documents import DOCUMENTS

Open = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_is_served_as_it_is(open_client: Open, name: str) -> None:
    client = await open_client(base_path="/below")
    for path in (f"/{name}", f"/below/{name}"):
        async with client.get(path) as response:
            assert (response.status, response.content_type) == (200, "application/json")
            assert await response.read() == DOCUMENTS[name]
    assert json.loads(DOCUMENTS[name])["info"]["title"]
