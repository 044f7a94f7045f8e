"""Archives without a daemon: one worker gives its namespace, another takes it."""

import array
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker_driver import DrivenWorker, Ran


def _give(worker: DrivenWorker, fd: int) -> None:
    told = worker.receive()
    assert told is not None
    assert told["type"] == "giving", told
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    worker.channel.sendmsg([json.dumps({"type": "given", "id": told["id"]}).encode() + b"\n"], rights)


def archive(
    worker: DrivenWorker, path: Path, before: Callable[[], None] = lambda: None, is_read: bool = True, **more: Any
) -> dict[str, Any]:
    """Write the namespace of ``worker`` to ``path``, through a pipe as the daemon does; return what it tells of it.

    ``before`` is called when the worker has the pipe, which is closed at once unless it ``is_read``.
    """
    read_fd, write_fd = os.pipe()
    with open(path, "wb") as file, open(read_fd, "rb", buffering=0) as pipe:

        def copy() -> None:
            while data := is_read and pipe.read(1 << 20):
                file.write(data)
            pipe.close()

        reader = threading.Thread(target=copy)
        reader.start()
        worker.send({"type": "archive", "id": "1", **more})
        _give(worker, write_fd)
        os.close(write_fd)
        before()
        told = worker.receive()
        assert told is not None
        reader.join()
    return told


def finished(worker: DrivenWorker, message: dict[str, Any]) -> Ran:
    """Send ``message``, an execution, and wait for its end."""
    worker.send(message)
    return Ran(worker.receive(), worker.output())


def load(worker: DrivenWorker, path: Path, **more: Any) -> dict[str, Any]:
    """Load the archive at ``path`` into ``worker``; return what it tells of it."""
    worker.send({"type": "load", "id": "2", **more})
    with open(path, "rb") as file:
        _give(worker, file.fileno())
    told = worker.receive()
    assert told is not None
    return told


def reasons(told: dict[str, Any]) -> dict[str, str]:
    """Return why variables were left out, by their names."""
    return {skipped["name"]: skipped["reason"] for skipped in told["skipped"]}


def carried(worker: DrivenWorker, code: str, then: str) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Run ``code`` in ``worker``, and ``then`` in another worker that has loaded its namespace.

    Returns what both tell of the archive, and the JSON value that ``then`` leaves in ``it``.
    """
    with tempfile.TemporaryDirectory(dir=worker.cwd) as place, DrivenWorker(worker.python, worker.cwd) as other:
        ran = worker.run(code)
        assert ran.error is None, ran.error["traceback"]
        saved = archive(worker, Path(place, "archive"))
        assert saved["type"] == "archived", saved
        loaded = load(other, Path(place, "archive"))
        assert loaded["type"] == "loaded", loaded
        ran = other.run(f"{then}\nimport json as _json\nprint(_json.dumps(it))")
        assert ran.error is None, ran.error["traceback"]
        return saved, loaded, json.loads(ran.stdout.splitlines()[-1])
