"""Where a connect(2) wants to go: read from memory that the caller may change, and that may hold anything."""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interpreterd.processes.notifications import HeldCall
from interpreterd.workers.isolation.destinations import Destination, destination, parsed


def v4(host: str, port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(8)


def v6(host: str, port: int) -> bytes:
    address = socket.inet_pton(socket.AF_INET6, host)
    return struct.pack("=H", socket.AF_INET6) + port.to_bytes(2, "big") + bytes(4) + address + bytes(4)


@pytest.fixture
def one() -> Iterator[socket.socket]:
    with socket.socket() as one:
        yield one


def wanted(one: socket.socket, data: bytes, length: int | None = None, ports: frozenset[int] = frozenset()) -> object:
    """Return where this process wants to go if it calls connect(2) with ``data``."""
    buffer = ctypes.create_string_buffer(data, len(data) + 128)
    pointer = ctypes.addressof(buffer)
    size = len(data) if length is None else length
    return destination(HeldCall(1, os.getpid(), (one.fileno(), pointer, size, 0, 0, 0)), ports)


@pytest.mark.parametrize(
    ("data", "address", "name"),
    [
        (v4("127.0.0.1", 8000), "127.0.0.1", ("127.0.0.1", 8000)),
        (v4("127.3.2.1", 8000), "127.3.2.1", ("127.3.2.1", 8000)),
        (v4("0.0.0.0", 8000), "127.0.0.1", ("127.0.0.1", 8000)),
    ],
)
def test_an_ipv4_socket_goes_to_the_loopback_interface(
    one: socket.socket, data: bytes, address: str, name: tuple[str, int]
) -> None:
    to = wanted(one, data)
    assert isinstance(to, Destination)
    assert (to.family, to.address, to.port) == (socket.AF_INET, socket.inet_aton(address), 8000)
    assert (to.name, to.descriptor, to.waits) == (name, one.fileno(), True)
    one.setblocking(False)
    to = wanted(one, data, 128)
    assert isinstance(to, Destination)
    assert not to.waits


@pytest.mark.parametrize(
    ("host", "address", "name"),
    [
        ("::1", bytes(15) + b"\1", "::1"),
        ("::", bytes(15) + b"\1", "::1"),
        ("::ffff:127.0.0.1", b"\x7f\0\0\1", "::ffff:127.0.0.1"),
    ],
)
def test_an_ipv6_socket_goes_to_the_loopback_interface(host: str, address: bytes, name: str) -> None:
    with socket.socket(socket.AF_INET6) as one:
        for length in (24, 28):
            to = wanted(one, v6(host, 8000), length)
            assert isinstance(to, Destination)
            assert (to.address, to.name) == (address, (name, 8000))
        assert wanted(one, v4("127.0.0.1", 8000)) is None


def test_an_address_of_another_interface_of_this_machine_is_here_too(one: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("there is no other interface")
        host = route.getsockname()[0]
    to = wanted(one, v4(host, 8000))
    assert isinstance(to, Destination)
    assert to.name == (host, 8000)


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (v4("192.0.2.1", 8000), None),
        (v4("127.0.0.1", 0), None),
        (v4("127.0.0.1", 443), None),
        (v4("127.0.0.1", 8000), 15),
        (v4("127.0.0.1", 8000), 129),
        (v4("127.0.0.1", 8000), 1 << 31),
        (v6("::1", 8000), None),
        (v6("::1", 8000), 23),
        (bytes(16), None),
        (struct.pack("=H", socket.AF_UNIX) + b"/some/where/else", None),
    ],
)
def test_all_else_is_not_for_this_machine(one: socket.socket, data: bytes, length: int | None) -> None:
    assert wanted(one, data, length, frozenset({443})) is None


def test_only_tcp_sockets_are_connected() -> None:
    for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM)):
        with socket.socket(family, kind) as one:
            assert wanted(one, v4("127.0.0.1", 8000)) is None
    with open(os.devnull) as none:
        assert wanted(none, v4("127.0.0.1", 8000)) is None  # type: ignore[arg-type]  # it has a fileno()


def test_a_caller_that_cannot_be_seen_goes_nowhere(one: socket.socket) -> None:
    arguments = (one.fileno(), 0, 16, 0, 0, 0)
    assert destination(HeldCall(1, 0, arguments), frozenset()) is None
    with pytest.raises(OSError, match="Input/output error"):
        destination(HeldCall(1, os.getpid(), arguments), frozenset())


@given(st.binary(max_size=40))
@example(v4("127.0.0.1", 1)[:15])
@example(v6("::1", 1)[:23])
def test_any_bytes_are_an_address_or_none(data: bytes) -> None:
    read = parsed(data)
    if read is not None:
        family, address, port = read
        assert (family, len(address)) in ((socket.AF_INET, 4), (socket.AF_INET6, 4), (socket.AF_INET6, 16))
        assert 0 <= port < 1 << 16
