"""Targets of attacks that answer: sockets, and what System V and POSIX have to share between processes."""

import contextlib
import ctypes
import os
import secrets
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from interpreterd.cli.attacks.in_context.attacker import call

IPC_CREAT, IPC_EXCL, IPC_RMID = 0o1000, 0o2000, 0
SHARED_BYTES: Final = 4096
MESSAGE_BYTES: Final = 64
_Address = str | tuple[str, int]


@contextlib.contextmanager
def servers(folder: Path, token: str) -> Iterator[dict[str, Any]]:
    """Listen on sockets of several kinds for the block, and answer each message with itself.

    Yields:
        Ports, paths and names, by the names of their targets.
    """
    names = {"abstract": f"interpreterd-{token}", "abstract_datagrams": f"interpreterd-{token}-datagrams"}
    paths = {name: str(folder / name) for name in ("socket", "datagrams")}
    ports = {"tcp_port": socket.SOCK_STREAM, "open_port": socket.SOCK_STREAM, "udp_port": socket.SOCK_DGRAM}
    wanted: list[tuple[int, int, _Address]] = [
        *((socket.AF_INET, kind, ("127.0.0.1", 0)) for kind in ports.values()),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + names["abstract"]),
        (socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + names["abstract_datagrams"]),
        (socket.AF_UNIX, socket.SOCK_STREAM, paths["socket"]),
        (socket.AF_UNIX, socket.SOCK_DGRAM, paths["datagrams"]),
    ]
    with contextlib.ExitStack() as until:
        made = [until.enter_context(_bound(*it)) for it in wanted]
        until.enter_context(echoing(made))
        yield {**names, **paths, **{name: it.getsockname()[1] for name, it in zip(ports, made, strict=False)}}


def _bound(family: int, kind: int, address: _Address) -> socket.socket:
    server = socket.socket(family, kind)
    server.bind(address)
    if kind == socket.SOCK_STREAM:
        server.listen(64)
    return server


@contextlib.contextmanager
def echoing(sockets: list[socket.socket]) -> Iterator[None]:
    """Answer each message on ``sockets`` with itself, on a thread, for the block."""
    here, there = socket.socketpair()
    with here, there, selectors.DefaultSelector() as selector:
        selector.register(there, selectors.EVENT_READ)
        for server in sockets:
            server.setblocking(False)
            selector.register(server, selectors.EVENT_READ)
        thread = threading.Thread(target=_echo, args=(selector, there), name="targets of attacks")
        thread.start()
        try:
            yield
        finally:
            here.send(b"end")
            thread.join()


def _echo(selector: selectors.BaseSelector, end: socket.socket) -> None:
    links: list[socket.socket] = []
    while True:
        for key, _ in selector.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            if ready is end:
                for link in links:
                    link.close()
                return
            with contextlib.suppress(OSError):
                if ready.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    links.append(ready.accept()[0])
                    links[-1].setblocking(False)
                    selector.register(links[-1], selectors.EVENT_READ)
                elif ready in links:
                    if data := ready.recv(4096):
                        ready.send(data)
                    else:
                        selector.unregister(ready)
                        links.remove(ready)
                        ready.close()
                else:
                    data, sender = ready.recvfrom(4096)
                    if sender:
                        ready.sendto(data, sender)


@contextlib.contextmanager
def shared_objects(token: str) -> Iterator[dict[str, Any]]:
    """Make System V memory, a semaphore and a queue under one key, and a POSIX queue; remove them after the block.

    A kernel without them gives the key 0, or the name "".
    """
    found: dict[str, Any] = {"key": 0, "queue": ""}
    key = secrets.randbelow(1 << 30) + 1
    queue = f"interpreterd-{token}".encode()
    with contextlib.ExitStack() as until:
        with contextlib.suppress(OSError):
            flags = 0o600 | IPC_CREAT | IPC_EXCL
            memory = call("shmget", key, SHARED_BYTES, flags)
            until.callback(call, "shmctl", memory, IPC_RMID, 0)
            semaphore = call("semget", key, 1, flags)
            until.callback(call, "semctl", semaphore, 0, IPC_RMID, 0)
            messages = call("msgget", key, flags)
            until.callback(call, "msgctl", messages, IPC_RMID, 0)
            found["key"] = key
        with contextlib.suppress(OSError):
            sizes = (ctypes.c_long * 8)(0, 1, MESSAGE_BYTES)  # struct mq_attr
            os.close(call("mq_open", queue, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, sizes))
            until.callback(call, "mq_unlink", queue)
            found["queue"] = queue.decode()
        yield found
