"""Looks at the namespace of a worker without a daemon."""

import json
from typing import Any

from worker_driver import DrivenWorker

from interpreterd.pipe.decoders import MESSAGE_LIMIT_BYTES
from interpreterd.pipe.looks import parse_found


def start_look(
    worker: DrivenWorker, kind: str, code: str = "", cursor: int | None = None, detail: int = 0, **more: Any
) -> None:
    """Start a look; ``more`` are keys of its task."""
    worker._ids += 1
    task = {"kind": kind, "cursor": len(code) if cursor is None else cursor, "detail": detail, **more}
    worker.send({"type": "execute", "id": str(worker._ids), "code": code, "envs": {}, "task": task})


def look(
    worker: DrivenWorker, kind: str, code: str = "", cursor: int | None = None, detail: int = 0, **more: Any
) -> dict[str, Any]:
    """Return what is found, which the daemon must accept."""
    start_look(worker, kind, code, cursor, detail, **more)
    message = worker.receive()
    assert message is not None
    assert message["error"] is None, message["error"]
    parse_found(message["found"])
    assert len(json.dumps(message)) < MESSAGE_LIMIT_BYTES
    found: dict[str, Any] = message["found"]
    return found
