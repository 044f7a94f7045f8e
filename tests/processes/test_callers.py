"""A thread of another process, as the daemon sees it while the thread waits."""

import ctypes
import fcntl
import os
import socket
import subprocess
import sys
import threading

import pytest

from interpreterd.processes.callers import OpenSocket, process_of, read_memory, socket_inode, socket_of


def test_memory_is_read_where_it_is_and_not_beyond() -> None:
    buffer = ctypes.create_string_buffer(b"an address")
    assert read_memory(threading.get_native_id(), ctypes.addressof(buffer), 10) == b"an address"
    assert read_memory(os.getpid(), (1 << 64) - 1, 16) == b""
    with pytest.raises(OSError, match="Input/output error"):
        read_memory(os.getpid(), 8, 16)


def test_a_thread_is_of_a_process() -> None:
    found = []
    thread = threading.Thread(
        target=lambda: found.extend([threading.get_native_id(), process_of(threading.get_native_id())])
    )
    thread.start()
    thread.join()
    assert found[0] != os.getpid() == found[1] == process_of(os.getpid())
    assert process_of(1 << 30) == 0


@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "TCP"),
        (socket.AF_INET6, socket.SOCK_STREAM, "TCPv6"),
        (socket.AF_INET, socket.SOCK_DGRAM, "UDP"),
    ],
)
def test_a_socket_is_known_by_its_protocol_its_inode_and_its_flags(family: int, kind: int, protocol: str) -> None:
    with socket.socket(family, kind) as one:
        one.setblocking(False)
        found = socket_of(threading.get_native_id(), one.fileno())
        assert found == OpenSocket(protocol, os.fstat(one.fileno()).st_ino, found.flags if found else 0)
        assert found.flags & (os.O_NONBLOCK | os.O_CLOEXEC) == os.O_NONBLOCK | os.O_CLOEXEC
        one.setblocking(True)
        fcntl.fcntl(one.fileno(), fcntl.F_SETFD, 0)
        found = socket_of(os.getpid(), one.fileno())
        assert found is not None
        assert not found.flags & (os.O_NONBLOCK | os.O_CLOEXEC)


def test_what_is_no_socket_is_none() -> None:
    assert socket_of(os.getpid(), 0) is None
    assert socket_inode("/tmp/socket:[1]") is None
    assert socket_inode("socket:[17]") == 17


def test_a_process_that_has_gone_is_an_os_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    for look in (lambda: read_memory(process.pid, 4096, 16), lambda: socket_of(process.pid, 0)):
        with pytest.raises((FileNotFoundError, ProcessLookupError)):
            look()
    with pytest.raises(FileNotFoundError):
        socket_of(os.getpid(), 1 << 20)
