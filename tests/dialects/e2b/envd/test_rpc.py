"""RPCs of any form get an answer in Connect's own: of a real daemon."""

import base64
import os
import pwd
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from connecting import Rpc, enveloped

from interpreterd.dialects.e2b.envd.messages import FILESYSTEM

STAT = "filesystem.Filesystem/Stat"
START = "process.Process/Start"
STREAM = "application/connect+json"


async def test_protobuf_is_the_other_codec(rpc: Rpc, tmp_path: Path) -> None:
    body = FILESYSTEM["StatRequest"](path=str(tmp_path)).SerializeToString()
    async with rpc.http.post(f"/{STAT}", data=body, headers={"Content-Type": "application/proto"}) as response:
        assert (response.status, response.content_type) == (200, "application/proto")
        reply: Any = FILESYSTEM["StatResponse"].FromString(await response.read())
    assert (reply.entry.path, reply.entry.type) == (str(tmp_path), 2)
    body = enveloped(FILESYSTEM["WatchDirRequest"](path="/nowhere").SerializeToString())
    headers = {"Content-Type": "application/connect+proto"}
    async with rpc.http.post("/filesystem.Filesystem/WatchDir", data=body, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "application/connect+proto")
        data = await response.read()
    assert data[0] == 2
    assert b'"code":"not_found"' in data


@pytest.mark.parametrize(
    ("method", "body", "headers", "status", "code"),
    [
        (STAT, b"", {"Content_Type": "application/json"}, 400, "invalid_argument"),
        (STAT, b"[]", {"Content_Type": "application/json"}, 400, "invalid_argument"),
        (STAT, b"\xff\xfe", {"Content_Type": "application/json"}, 400, "invalid_argument"),
        (STAT, b"\xff", {"Content_Type": "application/proto"}, 400, "invalid_argument"),
        (STAT, b"[" * 200_000, {"Content_Type": "application/json"}, 400, "invalid_argument"),
        (STAT, b"{}", {"Content_Type": "text/plain"}, 415, "invalid_argument"),
        (STAT, b"{}", {"Content_Type": STREAM}, 415, "invalid_argument"),
        (STAT, b"{}", {"Content_Type": "application/json", "Connect_Timeout_Ms": "1e3"}, 400, "invalid_argument"),
        (STAT, b"{}", {"Content_Type": "application/json", "Connect_Protocol_Version": "2"}, 400, "invalid_argument"),
        (STAT, b"{}", {"Content_Type": "application/json", "Content_Encoding": "gzip"}, 501, "unimplemented"),
        (STAT, b"{}", {"Content_Type": "application/json", "Authorization": "Basic !"}, 401, "unauthenticated"),
        ("filesystem.Filesystem/Nothing", b"{}", {"Content_Type": "application/json"}, 404, "unimplemented"),
        (START, b"{}", {"Content_Type": "application/json"}, 415, "invalid_argument"),
        (START, b"", {"Content_Type": STREAM}, 200, "invalid_argument"),
        (START, b"\0\0\0\0", {"Content_Type": STREAM}, 200, "invalid_argument"),
        (START, b"\0\xff\xff\xff\xff{}", {"Content_Type": STREAM}, 200, "resource_exhausted"),
        (START, enveloped(b"{}") * 2, {"Content_Type": STREAM}, 200, "invalid_argument"),
        (START, enveloped(b"{}", 1), {"Content_Type": STREAM}, 200, "unimplemented"),
        (START, enveloped(b"[]"), {"Content_Type": STREAM}, 200, "invalid_argument"),
        (START, enveloped(b"{}"), {"Content_Type": STREAM, "Connect_Content_Encoding": "gzip"}, 200, "unimplemented"),
    ],
)
async def test_what_is_no_rpc_has_connects_error(
    rpc: Rpc, method: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    found, kind, answer = await rpc.raw(method, body, **headers)
    error = answer["error"] if found == 200 else answer
    assert (found, error["code"]) == (status, code)
    assert kind == (STREAM if found == 200 else "application/json")
    assert error["message"]


async def test_a_user_is_the_daemons_own(rpc: Rpc) -> None:
    def basic(name: str) -> str:
        return f"Basic {base64.b64encode(f'{name}:'.encode()).decode()}"

    own = pwd.getpwuid(os.geteuid()).pw_name
    for name, status in ((own, 200), ("user", 200), ("another", 401)):
        found, _, answer = await rpc.raw(
            STAT, b'{"path": "/"}', Content_Type="application/json", Authorization=basic(name)
        )
        assert (found, answer.get("code")) == (status, None if status == 200 else "unauthenticated")


async def test_a_unary_rpc_has_its_time(rpc: Rpc) -> None:
    """The helper may not be ready within a millisecond, or it may: then there is an answer."""
    found, _, answer = await rpc.raw(STAT, b'{"path": "/"}', Content_Type="application/json", Connect_Timeout_Ms="0")
    assert (found, answer["code"]) == (504, "deadline_exceeded")


async def test_another_method_of_http_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.get(f"/{STAT}") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_pages_of_other_sites_are_refused(rpc: Rpc) -> None:
    headers = {"Content-Type": "application/json", "Origin": "http://elsewhere.example"}
    async with rpc.http.post(f"/{STAT}", data=b"{}", headers=headers) as response:
        assert response.status == 403
