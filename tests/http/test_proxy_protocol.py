"""The PROXY protocol: a whole header, a part of one, something else, or an error, for any bytes."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.http.proxy_protocol import V2_LIMIT_BYTES, V2_SIGNATURE, ProxyHeader, ProxyHeaderError, parse_header


def v2(command: int, family: int, body: bytes) -> bytes:
    return V2_SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


V4 = bytes([192, 0, 2, 1, 127, 0, 0, 1]) + struct.pack("!HH", 1000, 80)
V6 = bytes(15) + b"\x01" + bytes(15) + b"\x02" + struct.pack("!HH", 1000, 80)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 1000 80\r\n", "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 ::1 1000 80\r\n", "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ff ff 1 2\r\n", None),
        (v2(0x21, 0x11, V4), "192.0.2.1"),
        (v2(0x21, 0x11, V4 + b"\x04\0\x01x"), "192.0.2.1"),
        (v2(0x21, 0x21, V6), "::1"),
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, V4), None),
        (v2(0x21, 0x31, bytes(216)), None),
    ],
)
def test_a_header_ends_where_the_clients_data_begin(header: bytes, client: str | None) -> None:
    assert parse_header(header + b"GET / HTTP/1.1\r\n") == ProxyHeader(len(header), client)
    assert {parse_header(header[:size]) for size in range(1, len(header))} == {"more"}


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n", b"\x16\x03\x01", b"\r\nGET / HTTP/1.1"])
def test_what_begins_otherwise_is_no_header(data: bytes) -> None:
    assert parse_header(data) == "none"


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 192.0.2.1 127.0.0.1 1000\r\n",
        b"PROXY TCP4 192.0.2.1 127.0.0.1 1000 99999\r\n",
        b"PROXY TCP4 ::1 ::1 1000 80\r\n",
        b"PROXY TCP5 192.0.2.1 127.0.0.1 1000 80\r\n",
        b"PROXY TCP4 evil 127.0.0.1 1000 80\r\n",
        b"PROXY \r\n",
        b"PROXY " + b"x" * 101,
        v2(0x31, 0x11, V4),
        v2(0x21, 0x11, V4[:5]),
        V2_SIGNATURE + struct.pack("!BBH", 0x21, 0x11, V2_LIMIT_BYTES),
    ],
)
def test_a_damaged_header_is_an_error(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse_header(data)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", V2_SIGNATURE, V2_SIGNATURE + b"\x21\x11"]), st.binary(max_size=200)
)
def test_any_bytes_have_a_verdict(begin: bytes, rest: bytes) -> None:
    with contextlib.suppress(ProxyHeaderError):
        verdict = parse_header(begin + rest)
        assert verdict in ("more", "none") or (isinstance(verdict, ProxyHeader) and verdict.size <= len(begin + rest))
