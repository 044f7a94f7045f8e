"""The servers answer for the block; what System V and POSIX have to share is removed after it."""

import os
import socket
from pathlib import Path

import pytest

from interpreterd.cli.attacks.in_context.attacker import answer, call, connected
from interpreterd.cli.attacks.servers import servers, shared_objects


def test_each_server_answers_with_what_it_was_sent(tmp_path: Path) -> None:
    with servers(tmp_path, "token") as found:
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", found["tcp_port"])),
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", found["open_port"])),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", found["udp_port"])),
            (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + found["abstract"]),
            (socket.AF_UNIX, socket.SOCK_STREAM, found["socket"]),
        ):
            with connected(family, kind, 0, address) as link:
                assert answer(link, b"hello") == b"hello"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(b"hello", found["datagrams"])
    with pytest.raises(ConnectionRefusedError):
        connected(socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", found["tcp_port"]))


def test_shared_objects_are_removed() -> None:
    with shared_objects(f"test-{os.getpid()}") as found:
        assert call("shmget", found["key"], 0, 0) >= 0
        os.close(call("mq_open", found["queue"].encode(), os.O_RDONLY, 0, 0))
    for name, *arguments in (
        ("shmget", found["key"], 0, 0),
        ("semget", found["key"], 0, 0),
        ("msgget", found["key"], 0),
    ):
        with pytest.raises(FileNotFoundError):
            call(name, *arguments)
    with pytest.raises(FileNotFoundError):
        call("mq_open", found["queue"].encode(), os.O_RDONLY, 0, 0)
