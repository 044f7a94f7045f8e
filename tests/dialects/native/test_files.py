"""Files over plain HTTP, over fake workers."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from interpreterd.dialects.native.files import file_body
from interpreterd.model.files import FileInfo
from interpreterd.model.names import NATIVE_PATH

Open = Callable[..., Awaitable[Any]]
PLACE = NATIVE_PATH + "/context/default/files"


async def put(client: Any, path: str, data: bytes = b"x", **headers: str) -> int:
    async with client.put(f"{PLACE}/{path}", data=data, headers=headers) as response:
        return int(response.status)


async def test_a_file_from_its_upload_to_its_end(open_client: Open) -> None:
    client = await open_client()
    async with client.put(PLACE + "/data/x.csv", data=b"a,b\n") as response:
        made = await response.json()
        assert (response.status, response.headers["Location"]) == (201, PLACE + "/data/x.csv")
        etag = response.headers["ETag"]
    assert (made["path"], made["size"], made["type"], made["mimeType"]) == ("data/x.csv", 4, "file", "text/csv")
    async with client.get(PLACE + "/data/x.csv") as response:
        assert (response.status, await response.read(), response.headers["ETag"]) == (200, b"a,b\n", etag)
        assert response.content_type == "text/csv"
    async with client.get(PLACE + "?glob=**/*.csv") as response:
        assert await response.json() == {"files": [made]}
    assert await put(client, "data/x.csv", **{"If-Match": '"other"'}) == 412
    assert await put(client, "data/x.csv", **{"If-Match": etag}) == 200
    async with client.delete(PLACE + "/data/x.csv") as response:
        assert (response.status, await response.json()) == (200, {"message": "File deleted successfully"})
    async with client.get(PLACE + "/data/x.csv") as response:
        assert (await response.json())["error"] == "File not found: data/x.csv"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "%2e%2e/x",
        "..%2fx",
        "a/%2E%2E/%2e%2e/x",
        "a%00b",
        "a//b",
        "a/",
        "%2e",
        "x" * 300,
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_path_that_leads_elsewhere_is_refused(open_client: Open, method: str, path: str) -> None:
    client = await open_client()
    url = URL(str(client.make_url(PLACE)) + "/" + path, encoded=True)
    async with client.session.request(method, url, data=b"x" if method == "PUT" else None) as response:
        answer = await response.json()
    assert (response.status, answer["code"]) == (400, "invalid_path")
    assert answer["error"].startswith("path must ")


async def test_names_of_any_bytes_are_names(open_client: Open, tmp_path: Path) -> None:
    client = await open_client(base_path="/files/context")
    for name, stored in (
        ("caf%E9", b"caf\xe9"),
        ("100%2525", b"100%25"),
        ("a%20b%2Fc", b"a b/c"),
        ("%3F%23", b"?#"),
        ("%0Ax", b"\nx"),
    ):
        url = URL(str(client.make_url("/files/context" + PLACE)) + "/" + name, encoded=True)
        async with client.session.put(url, data=name) as response:
            assert response.status == 201
        await asyncio.to_thread(os.stat, os.fsencode(tmp_path) + b"/" + stored)
        async with client.session.get(url) as response:
            assert await response.text() == name
    async with client.get(PLACE + "?glob=caf*") as response:
        (listed,) = (await response.json())["files"]
        assert (listed["path"], listed["encodedPath"]) == ("caf�", "caf%E9")


async def test_a_listing_goes_on_after_a_position(open_client: Open) -> None:
    client = await open_client()
    for name in ("a", "b", "c"):
        assert await put(client, name) == 201
    async with client.get(PLACE + "?after=a") as response:
        assert [it["path"] for it in (await response.json())["files"]] == ["b", "c"]


async def test_the_size_of_an_upload_is_limited_only_by_its_own_limit(open_client: Open) -> None:
    client = await open_client(file_limit_bytes=1000, body_limit_bytes=10)
    assert await put(client, "file", b"x" * 1000) == 201
    assert await put(client, "file", b"x" * 1001) == 413


def test_only_a_file_has_a_size_and_a_type() -> None:
    body = file_body(FileInfo(path="d.csv", kind="directory", size_bytes=4096, modified_at=0, etag="e"))
    assert body == {
        "path": "d.csv",
        "size": None,
        "modifiedAt": "1970-01-01T00:00:00.000000Z",
        "type": "directory",
        "mimeType": None,
    }
