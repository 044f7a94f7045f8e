"""What the second context does: files, a process and servers of its own, which the first context attacks.

This file's text is sent to the context, whose Python may be any from 3.9 on; nothing of the daemon can be imported
there. What the context may not do is left out: its target is then missing, and so are its attacks' chances.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import threading
from typing import Any

MARK_S = 3600


def mark(word: str) -> subprocess.Popen[bytes]:
    """Start a process that has ``word`` among its arguments, by which the daemon's side finds it and its parent."""
    wait = f"import signal; signal.alarm({MARK_S}); signal.pause()"
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", wait, word])


def file(path: str) -> str | None:
    """Make a file of this context's own; return its path, or None."""
    try:
        with open(path, "x") as made:
            made.write("of a neighbour")
        os.chmod(path, 0o600)
    except OSError:
        return None
    return path


def serving(family: int, address: Any) -> Any:
    """Answer each connection's first message with itself, on a thread; return the address, or None."""
    server = None
    try:
        server = socket.socket(family)
        server.bind(address)
        server.listen(16)
    except OSError:
        if server is not None:
            server.close()
        return None

    def serve() -> None:
        while True:
            link, _ = server.accept()
            with link:
                link.settimeout(1)
                with contextlib.suppress(OSError):
                    link.send(link.recv(64))

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()


def shared_memory(key: int) -> int | None:
    """Make System V memory; return its id, or None."""
    found: int = ctypes.CDLL(None).shmget(key, 4096, 0o3600)
    return None if found == -1 else found


def remove_shared_memory(found: int) -> None:
    """Remove what ``shared_memory`` has made."""
    ctypes.CDLL(None).shmctl(found, 0, None)


def settle(token: str, key: int) -> dict[str, Any]:
    """Make everything; return what another context would have to know."""
    home, temporary = os.environ.get("HOME", os.getcwd()), tempfile.gettempdir()
    for folder in (home, temporary):
        file(os.path.join(folder, "secret-" + token))
    file("secret")
    address = serving(socket.AF_INET, ("127.0.0.1", 0))
    path = os.path.join(os.getcwd(), "socket")
    serving(socket.AF_UNIX, path)
    serving(socket.AF_UNIX, "\0neighbour-" + token)
    file("/dev/shm/neighbour-" + token)
    return {
        "neighbour_token": token,
        "neighbour_cwd": os.getcwd(),
        "neighbour_home": home,
        "neighbour_tmp": temporary,
        "neighbour_port": address[1] if address else 0,
        "neighbour_socket": path,
        "neighbour_abstract": "neighbour-" + token,
        "neighbour_shm": "neighbour-" + token,
        "neighbour_key": key,
        "neighbour_memory": shared_memory(key),
    }


def leave(found: dict[str, Any]) -> None:
    """Remove what would outlive this context."""
    secret = "secret-" + found["neighbour_token"]
    for path in (
        os.path.join(found["neighbour_home"], secret),
        os.path.join(found["neighbour_tmp"], secret),
        os.path.join("/dev/shm", found["neighbour_shm"]),
    ):
        with contextlib.suppress(OSError):
            os.unlink(path)
    if found["neighbour_memory"] is not None:
        remove_shared_memory(found["neighbour_memory"])
