"""The settings of HTTP: valid and invalid values of flags and variables."""

from typing import Any

import attrs
import pytest
from said import refusal, said

from interpreterd.http.settings import HttpSettings
from interpreterd.settings import Settings

VALUES: list[tuple[str, str, Any]] = [
    ("host", "127.0.0.2", "127.0.0.2"),
    ("port", "0", 0),
    ("port", "65535", 65535),
    ("unix_socket", "/tmp/../a.sock", "/a.sock"),
    ("unix_socket", "/" + "a" * 106, "/" + "a" * 106),
    ("also_listen", "127.0.0.1:49999, [::1]:080,unix:/a/../b", ("127.0.0.1:49999", "[::1]:80", "unix:/b")),
    ("also_listen", "", ()),
    ("listen", "127.0.0.1:0,[::1]:80,unix:/a/../b", ("127.0.0.1:0", "[::1]:80", "unix:/b")),
    ("trusted_proxy", "127.0.0.1, 10.0.0.0/8,unix,::1", ("127.0.0.1", "10.0.0.0/8", "unix", "::1")),
    ("base_path", "/a/b/", "/a/b"),
    ("base_path", "a", "/a"),
    ("base_path", "/", ""),
    ("allow_origin", "http://a, https://b:1,,", ("http://a", "https://b:1")),
    ("allow_host", "*", ("*",)),
    ("body_limit_bytes", "1", 1),
    ("max_connections", "7", 7),
    ("keep_alive_s", "0.1", 0.1),
    ("head_timeout_s", "2.5", 2.5),
    ("body_timeout_s", "90", 90.0),
    ("heartbeat_s", "5", 5.0),
    ("first_message_timeout_s", "1e1", 10.0),
]
BAD = [
    ("port", "x"),
    ("port", "-1"),
    ("port", "65536"),
    ("port", ""),
    ("port", "80.5"),
    ("unix_socket", "/" + "a" * 107),
    ("unix_socket", "/" + "ä" * 54),
    ("also_listen", "49999"),
    ("also_listen", ":49999"),
    ("also_listen", "localhost"),
    ("also_listen", "localhost:0"),
    ("also_listen", "localhost:65536"),
    ("also_listen", "localhost:²"),
    ("also_listen", "::1:80"),
    ("also_listen", "[]:80"),
    ("also_listen", "unix:"),
    ("also_listen", "unix:/" + "a" * 107),
    ("listen", "localhost:65536"),
    ("listen", "80"),
    ("listen", "unix:"),
    ("trusted_proxy", "localhost"),
    ("trusted_proxy", "10.0.0.1/8"),
    ("body_limit_bytes", "0"),
    ("max_connections", "0"),
    ("keep_alive_s", "0"),
    ("head_timeout_s", "0.01"),
    ("body_timeout_s", "-1"),
    ("first_message_timeout_s", "-inf"),
    ("heartbeat_s", "inf"),
    ("heartbeat_s", "nan"),
    ("heartbeat_s", "1e10"),
    ("keep_alive_s", "1e10"),
    ("head_timeout_s", "1e10"),
    ("body_timeout_s", "1e10"),
    ("first_message_timeout_s", "1e999"),
    ("body_limit_bytes", "9223372036854775808"),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert said(name, text) == value


def test_every_setting_is_tried_here() -> None:
    fields = {name for name, it in attrs.fields_dict(HttpSettings).items() if it.metadata}
    assert {name for name, _, _ in VALUES} == fields - {"tls_cert", "tls_key", "tls_client_ca"}  # see test_tls


@pytest.mark.parametrize(
    ("given", "others", "addresses"),
    [
        ({}, False, ["127.0.0.1:3987"]),
        ({}, True, []),
        ({"port": 0}, True, ["127.0.0.1:0"]),
        ({"host": "::1"}, False, ["[::1]:3987"]),
        ({"unix_socket": "/a", "port": 0}, False, ["unix:/a"]),
        ({"listen": ("unix:/b", "[::1]:1")}, False, ["unix:/b", "[::1]:1"]),
        ({"listen": ("unix:/b",), "port": 0}, False, ["127.0.0.1:0", "unix:/b"]),
        ({"listen": ("unix:/b",), "unix_socket": "/a"}, True, ["unix:/a", "unix:/b"]),
        ({"also_listen": ("a:1",)}, False, ["127.0.0.1:3987", "a:1"]),
        ({"also_listen": ("a:1",), "listen": ("b:2",)}, False, ["b:2", "a:1"]),
    ],
)
def test_addresses_add_up_and_only_the_default_gives_way(
    given: dict[str, Any], others: bool, addresses: list[str]
) -> None:
    assert list(Settings.of(**given).http.addresses(others=others)) == addresses


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_by_name(name: str, text: str) -> None:
    assert refusal(name, text).startswith(("must be ", "invalid choice: "))
