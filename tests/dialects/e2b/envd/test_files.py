"""``/files`` of a real daemon: reads and writes files by any path."""

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standing import SharedDaemon


def upload(content: io.BytesIO, name: str = "/x") -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name)
    return form


async def post(http: aiohttp.ClientSession, data: Any, path: str = "", **headers: str) -> tuple[int, Any]:
    query = {"path": path} if path else {}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.post("/files", data=data, params=query, headers=sent) as response:
        return response.status, await response.json()


async def get(http: aiohttp.ClientSession, path: Path | str, **headers: str) -> tuple[int, bytes]:
    async with http.get("/files", params={"path": str(path)}, headers=headers) as response:
        return response.status, await response.read()


@pytest.mark.parametrize("size", [0, 1, (64 << 10) + 1, 1 << 20, 2_500_000])
async def test_a_file_of_any_size_comes_back(http: aiohttp.ClientSession, tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    file = tmp_path / "new" / "ä.bin"
    path = str(file)
    told = [{"name": "ä.bin", "type": "file", "path": path}]
    assert await post(http, upload(io.BytesIO(content[:size])), path) == (200, told)
    assert await get(http, path) == (200, content[:size])
    headers = {"Content_Type": "application/octet-stream"}
    assert await post(http, io.BytesIO(content[:size][::-1]), path, **headers) == (200, told)
    assert file.read_bytes() == content[:size][::-1]


async def test_a_form_has_many_files(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("other", "ignored")
    for name in ("a b", 'q"%22'):
        form.add_field("file", name.encode(), filename=f"{tmp_path}/{name}".replace('"', "%22"))
    status, told = await post(http, form)
    assert status == 200
    assert [it["path"] for it in told] == [f"{tmp_path}/a b", f'{tmp_path}/q""']
    assert (tmp_path / "a b").read_bytes() == b"a b"


async def test_a_compressed_body(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    content = b"x" * 5_000_000
    headers = {"Content_Type": "application/octet-stream", "Content_Encoding": "gzip"}
    file = tmp_path / "a"
    for body, status in ((gzip.compress(content), 200), (gzip.compress(content)[:-9], 400), (b"nonsense", 400)):
        found, _ = await post(http, body, str(file), **headers)
        assert found == status
        assert file.read_bytes() == content


async def test_a_part_of_a_file(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    assert await get(http, tmp_path / "a", Range="bytes=2-4") == (206, b"234")
    status, body = await get(http, tmp_path / "a", Range="bytes=99-")
    assert status == 416
    assert b'"code":416' in body


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere/at/all", 404), ("/etc", 400), ("/dev/zero", 400), ("", 400), ("a\0b", 400), ("x" * 5000, 400)],
)
async def test_errors_are_envds(http: aiohttp.ClientSession, path: str, status: int) -> None:
    async with http.get("/files", params={"path": path}) as response:
        body = await response.json()
    assert (response.status, body["code"]) == (status, status)
    assert 0 < len(body["message"]) < 10_000


async def test_what_cannot_be_written_leaves_nothing(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    octets = {"Content_Type": "application/octet-stream"}
    boundary = {"Content_Type": "multipart/form-data; boundary=b"}
    named = b'--b\r\nContent-Disposition: form-data; name="file"'
    for data, path, headers, words in (
        (b"x", "", octets, "path must be given"),
        (b"x", str(tmp_path), octets, "path must not be a directory"),
        (b"x", f"{tmp_path}/a", octets | {"Content_Encoding": "br"}, "Content-Encoding must be gzip or identity"),
        (b"x", f"{tmp_path}/a", {"Content_Type": "multipart/form-data"}, "the form cannot be read"),
        (b"nonsense", f"{tmp_path}/a", boundary, "the form cannot be read"),
        (named + b"\r\n\r\nx", f"{tmp_path}/a", boundary, "the form cannot be read"),
        (named + b"\r\n\r\nx\r\n--b--\r\n", "", boundary, "each file of the form must have a file name"),
        (b"--b--\r\n", f"{tmp_path}/a", boundary, "at least one part with the name file"),
        (b"x", f"{tmp_path}/a", octets | {"X_Metadata_": "x"}, "X-Metadata-"),
        (b"x", f"{tmp_path}/a", octets | {"X_Metadata_A": "ä"}, "X-Metadata-"),
    ):
        status, body = await post(http, data, path, **headers)
        assert (status, body["code"]) == (400, 400), body
        assert words in body["message"], body
    assert os.listdir(tmp_path) == []


async def test_a_file_has_the_daemons_limit(standing: Callable[..., SharedDaemon], tmp_path: Path) -> None:
    async with aiohttp.ClientSession(standing("--file-limit-bytes", "500k").url) as http:
        headers = {"Content_Type": "application/octet-stream"}
        assert (await post(http, b"x" * (500 << 10), f"{tmp_path}/a", **headers))[0] == 200
        status, told = await post(http, b"x" * ((500 << 10) + 1), f"{tmp_path}/b", **headers)
    assert (status, told["message"]) == (413, f"the file is larger than the limit of 512000 bytes: {tmp_path}/b")
    assert os.listdir(tmp_path) == ["a"]


async def test_conditions_of_http_hold(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hi")
    status, body = await get(http, tmp_path / "a", **{"If-Match": '"other"'})
    assert status == 412
    assert b'"code":412' in body


async def test_another_user_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.get("/files", params={"path": "/", "username": "another"}) as response:
        assert (response.status, (await response.json())["code"]) == (401, 401)


async def test_the_environment(http: aiohttp.ClientSession) -> None:
    async with http.get("/envs") as response:
        assert "PATH" in await response.json()


async def test_only_a_client_of_e2b_has_its_metrics(standing: Callable[..., SharedDaemon]) -> None:
    async with aiohttp.ClientSession(standing("--base-path", "/base").url) as http:
        for path in ("/metrics", "/base/metrics"):
            async with http.get(path, headers={"E2b-Sandbox-Id": "any"}) as response:
                assert (await response.json())["cpu_count"] > 0
            async with http.get(path) as response:
                assert response.content_type == "text/plain"
            async with http.post(path, headers={"E2b-Sandbox-Id": "any"}) as response:
                assert (response.status, response.headers["Allow"]) == (405, "GET")
