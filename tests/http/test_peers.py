"""The address of a client: the connection's, and what a trusted proxy says instead; headers of others do not count."""

from unittest import mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from interpreterd.http.keys import SETTINGS
from interpreterd.http.peers import client_address, is_trusted, peer_of
from interpreterd.http.settings import HttpSettings


def client(peer: object, headers: list[tuple[str, str]], *proxies: str) -> str:
    app = web.Application()
    app[SETTINGS] = HttpSettings(trusted_proxy=proxies)
    transport = mock.Mock()
    protocol = mock.Mock(transport=transport, proxied=None)
    transport.get_extra_info = lambda name, default=None: peer if name == "peername" else default
    return client_address(
        make_mocked_request("GET", "/", CIMultiDict(headers), app=app, transport=transport, protocol=protocol)
    )


LOCAL = ("127.0.0.1", 5)


@pytest.mark.parametrize(
    ("peer", "headers", "proxies", "address"),
    [
        (LOCAL, [], (), "127.0.0.1"),
        (("::ffff:192.0.2.1", 5, 0, 0), [], (), "192.0.2.1"),
        (("fe80::1%eth0", 5, 0, 2), [], (), "fe80::1"),
        ("", [], (), "unix"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1")], (), "127.0.0.1"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1")], ("10.0.0.0/8",), "127.0.0.1"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1")], ("127.0.0.0/8",), "192.0.2.1"),
        (LOCAL, [("X-Forwarded-For", "198.51.100.1, 192.0.2.1")], ("127.0.0.1",), "192.0.2.1"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1, 10.1.1.1")], ("127.0.0.1", "10.0.0.0/8"), "192.0.2.1"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "10.1.1.1")], ("127.0.0.1",), "10.1.1.1"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1:1234")], ("127.0.0.1",), "192.0.2.1"),
        (LOCAL, [("X-Forwarded-For", "192.0.2.1, junk")], ("127.0.0.1",), "127.0.0.1"),
        (LOCAL, [("X-Forwarded-For", "")], ("127.0.0.1",), "127.0.0.1"),
        (LOCAL, [("Forwarded", 'for="[2001:db8::1]:80";proto=https')], ("127.0.0.1",), "2001:db8::1"),
        (LOCAL, [("Forwarded", "For=192.0.2.1, for=10.1.1.1")], ("127.0.0.1", "10.1.1.1"), "192.0.2.1"),
        (LOCAL, [("Forwarded", "for=unknown")], ("127.0.0.1",), "127.0.0.1"),
        # A proxy writes one of the two, and passes on what the client has written into the other one.
        (LOCAL, [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "192.0.2.9")], ("127.0.0.1",), "127.0.0.1"),
        (LOCAL, [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "")], ("127.0.0.1",), "127.0.0.1"),
        (LOCAL, [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "192.0.2.1")], ("127.0.0.1",), "192.0.2.1"),
        ("", [("X-Forwarded-For", "192.0.2.1")], ("unix",), "192.0.2.1"),
        ("", [("X-Forwarded-For", "192.0.2.1")], ("127.0.0.1",), "unix"),
    ],
)
def test_only_a_trusted_proxy_names_another_client(
    peer: object, headers: list[tuple[str, str]], proxies: tuple[str, ...], address: str
) -> None:
    assert client(peer, headers, *proxies) == address


def test_networks_of_both_families_are_told_apart() -> None:
    assert is_trusted("10.1.2.3", ("10.0.0.0/8", "::1"))
    assert not is_trusted("11.1.2.3", ("10.0.0.0/8", "::1"))
    assert is_trusted("::1", ("10.0.0.0/8", "::1"))
    assert not is_trusted("junk", ("0.0.0.0/0",))
    assert peer_of(b"") == "unix"
