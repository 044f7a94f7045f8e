"""Where clients of each API put a token."""

import pytest
from aiohttp.test_utils import make_mocked_request

from interpreterd.http.auth import credentials


@pytest.mark.parametrize(
    ("path", "headers", "found"),
    [
        ("/", {}, []),
        ("/", {"Authorization": "Bearer T"}, ["T"]),
        ("/", {"Authorization": "bearer  T "}, ["T"]),
        ("/", {"Authorization": "token T"}, ["T"]),
        ("/", {"Authorization": "token "}, []),
        ("/", {"Authorization": "token"}, []),
        ("/", {"Authorization": "Basic dXNlcjo="}, []),
        ("/", {"Authorization": "Bearer"}, []),
        ("/", {"X-API-Key": "T"}, ["T"]),
        ("/", {"X-Access-Token": "T"}, ["T"]),
        ("/", {"X-EXECD-ACCESS-TOKEN": "T"}, ["T"]),
        ("/", {"OPEN-SANDBOX-API-KEY": "T", "Authorization": "Bearer S"}, ["S", "T"]),
        ("/", {"Sec-WebSocket-Protocol": "interpreterd, bearer.T"}, ["T"]),
        ("/", {"Sec-WebSocket-Protocol": "bearer."}, []),
        ("/api/kernels?token=T", {}, ["T"]),
        ("/kernelspecs/python3/logo.svg?token=T", {}, ["T"]),
        ("/api/kernels?token=", {}, []),
        ("/process/interpreter/contexts?token=T", {}, []),
    ],
)
def test_tokens_are_found_where_clients_put_them(path: str, headers: dict[str, str], found: list[str]) -> None:
    assert list(credentials(make_mocked_request("GET", path, headers=headers))) == found
