"""The kernel's table of sockets, asked by port."""

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from interpreterd.processes.listening import LISTENERS_LIMIT, SocketTable, TooMany, unmapped

HERE = b"\x7f\0\0\1"
HERE_V6 = bytes(15) + b"\1"


@pytest.fixture
def table() -> Iterator[SocketTable]:
    with SocketTable() as table:
        yield table


def inode(listener: socket.socket) -> int:
    return os.fstat(listener.fileno()).st_ino


def found(table: SocketTable, address: bytes, listener: socket.socket) -> list[int]:
    return [one.inode for one in table.listening(address, listener.getsockname()[1])]


def test_a_listener_is_found_at_its_own_address_and_port_alone(table: SocketTable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert found(table, HERE, listener) == [inode(listener)]
        assert found(table, b"\x7f\0\0\2", listener) == []
        assert found(table, HERE_V6, listener) == []
        port = listener.getsockname()[1]
    assert table.listening(HERE, port) == []


def test_a_socket_that_is_bound_and_does_not_listen_is_none(table: SocketTable) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert found(table, HERE, bound) == []


def test_a_listener_at_all_addresses_gets_connections_to_each(table: SocketTable) -> None:
    with socket.create_server(("", 0)) as listener:
        for address in (HERE, b"\x7f\0\0\2", b"\x08\x08\x08\x08"):
            assert found(table, address, listener) == [inode(listener)]
        assert found(table, HERE_V6, listener) == []


@pytest.mark.parametrize("dual", [True, False])
def test_a_listener_at_all_ipv6_addresses_gets_ipv4_connections_if_it_wants_them(
    table: SocketTable, dual: bool
) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=dual) as listener:
        assert found(table, HERE_V6, listener) == [inode(listener)]
        assert found(table, HERE, listener) == ([inode(listener)] if dual else [])


def test_a_listener_at_a_mapped_address_is_one_at_the_ipv4_address(table: SocketTable) -> None:
    with socket.create_server(("::ffff:127.0.0.1", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        assert found(table, HERE, listener) == [inode(listener)]
        assert found(table, b"\x7f\0\0\2", listener) == []
    assert unmapped(socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")) == HERE


def test_all_listeners_that_share_a_port_are_found(table: SocketTable) -> None:
    with contextlib.ExitStack() as until:
        first = until.enter_context(socket.create_server(("127.0.0.1", 0), reuse_port=True))
        name = first.getsockname()
        others = [until.enter_context(socket.create_server(name, reuse_port=True)) for _ in range(2)]
        everywhere = until.enter_context(socket.create_server(("", name[1]), reuse_port=True))
        assert set(found(table, HERE, first)) == {inode(one) for one in (first, *others, everywhere)}


def test_a_port_with_endless_listeners_is_refused_and_the_next_question_has_its_own_answer(table: SocketTable) -> None:
    with contextlib.ExitStack() as until:
        first = until.enter_context(socket.create_server(("127.0.0.1", 0), reuse_port=True))
        for _ in range(LISTENERS_LIMIT):
            until.enter_context(socket.create_server(first.getsockname(), reuse_port=True))
        alone = until.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(2):
            with pytest.raises(TooMany):
                found(table, HERE, first)
            assert found(table, HERE, alone) == [inode(alone)]


def test_a_full_queue_is_seen(table: SocketTable) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        name = listener.getsockname()
        assert [one.full for one in table.listening(HERE, name[1])] == [False]
        with socket.create_connection(name):
            assert [one.full for one in table.listening(HERE, name[1])] == [True]


@pytest.mark.parametrize(
    ("server", "client"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::ffff:127.0.0.1"), ("::", "127.0.0.1")]
)
def test_the_two_ends_of_a_connection_are_found_by_their_names(table: SocketTable, server: str, client: str) -> None:
    family, its_family = (socket.AF_INET6 if ":" in name else socket.AF_INET for name in (server, client))
    with (
        socket.create_server((server, 0), family=family, dualstack_ipv6=server == "::") as listener,
        socket.socket(its_family) as connection,
    ):
        connection.connect((client, listener.getsockname()[1]))
        here, there = connection.getsockname()[:2], connection.getpeername()[:2]
        assert table.connected(its_family, here, there) == inode(connection)
        assert table.connected(its_family, there, here) == 0, "it has not been accepted"
        accepted, _ = listener.accept()
        with accepted:
            assert table.connected(its_family, there, here) == inode(accepted)
        assert table.connected(its_family, here, (client, 1)) is None
        assert table.connected(its_family, there, (client, 1)) is None, "the listener is no connection"
