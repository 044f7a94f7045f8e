"""Walks along the routes of forks, checkpoints and archives: every answer that openapi.json describes."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from described import Walk
from looking import CODE_LOOKS, LOOKS

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.manager import Manager
from interpreterd.contexts.state.local import LocalState
from interpreterd.model.errors import (
    BodyTooSlow,
    ContextDeleted,
    ContextRestarted,
    InterpreterError,
    LimitReached,
    MalformedRequest,
    OutOfResources,
    ServerShuttingDown,
    WorkerStartFailed,
)
from interpreterd.model.file_errors import DiskFull, FileError
from interpreterd.model.state_errors import (
    ArchiveExists,
    ArchiveRefused,
    CheckpointsFull,
    ContextMoving,
    NoStateDirectory,
    OperationFailed,
)

# The verbs that take their turn in the queue, with a valid body.
TURNS: dict[str, tuple[str, dict[str, Any]]] = {
    "forkContext": ("fork", {}),
    "makeCheckpoint": ("checkpoint", {}),
    "restoreCheckpoint": ("restore", {"checkpoint": "before"}),
    "undoExecution": ("undo", {}),
    "archiveContext": ("archive", {}),
    "hibernateContext": ("hibernate", {}),
}
OTHERS = {
    "listCheckpoints": "checkpoints",
    "deleteCheckpoint": "delete_checkpoint",
    "listArchives": "archives",
    "getArchive": "archive_info",
    "deleteArchive": "delete_archive",
    "getArchiveContent": "archive_content",
    "putArchiveContent": "put_archive",
}
WITH_BODY = ("forkContext", "makeCheckpoint", "restoreCheckpoint", "archiveContext")
BODIES = {name: {"json": body} for name, (_, body) in TURNS.items()}


async def state(walk: Walk) -> None:
    """Walk along what a daemon with a directory for state answers."""
    context = (await walk("createContext", 200, json={"persistent": True}))["id"]
    run = {"contextId": context, "checkpoint": True}
    await walk("execute", 200, json={**run, "code": "x = 1"})
    forks = await walk("forkContext", 200, id=context, json={"count": 2})
    assert [it["forkedFrom"] for it in forks["contexts"]] == [context] * 2
    await walk("makeCheckpoint", 200, id=context, json={"name": "before"})
    assert [it["name"] for it in (await walk("listCheckpoints", 200, id=context))["checkpoints"]] == ["", "before"]
    await walk("makeCheckpoint", 409, "checkpoint_exists", id=context, json={"name": "before"})
    await walk("restoreCheckpoint", 200, id=context, json={"checkpoint": "before"})
    await walk("deleteCheckpoint", 200, id=context, checkpoint="before")
    await walk("undoExecution", 200, id=context)
    await walk("undoExecution", 409, "nothing_to_undo", id=context)
    for name in ("restoreCheckpoint", "deleteCheckpoint"):
        await walk(name, 404, "checkpoint_not_found", id=context, checkpoint="before", **BODIES.get(name, {}))
    archive = (await walk("archiveContext", 200, id=context, json={"name": "it"}))["archiveId"]
    await walk("createContext", 200, json={"archive": "it"})
    assert archive in [it["archiveId"] for it in (await walk("listArchives", 200))["archives"]]
    await walk("listArchives", 404, query="?after=nothing")
    await walk("getArchive", 200, id="it")
    await content(walk, archive)
    await walk("deleteArchive", 200, id=archive)
    for name in ("getArchive", "deleteArchive"):
        await walk(name, 404, "archive_not_found", id=archive)
    await walk("createContext", 404, "archive_not_found", json={"archive": "it"})
    hibernating = await walk("hibernateContext", 200, id=context)
    assert (hibernating["state"], hibernating["persistent"]) == ("hibernating", True)
    code = "import threading; g = (i for i in 'abc'); it = threading.Timer(1000, print); it.start()"
    await walk("execute", 200, json={"contextId": context, "code": code})
    await walk("hibernateContext", 409, "not_saved_whole", id=context)
    await walk("forkContext", 409, "not_carried", id=context, json={"strict": True})
    for name in WITH_BODY:
        await walk(name, 400, "malformed_request", id=context, data=b"[]")
    await walk("forkContext", 400, "invalid_request", id=context, json={"count": 65})
    await walk("restoreCheckpoint", 400, "invalid_request", id=context, json={})
    for name in ("makeCheckpoint", "archiveContext"):
        await walk(name, 400, "invalid_request", id=context, json={"name": "n" * 257})
    for name in (*TURNS, "listCheckpoints", "deleteCheckpoint"):
        await walk(name, 404, "context_not_found", **BODIES.get(name, {}))


async def content(walk: Walk, archive: str) -> None:
    """Walk along what can be done with the file of an archive."""
    place = {"id": archive}
    file = await walk("getArchiveContent", 200, **place)
    assert await walk("getArchiveContent", 206, **place, headers={"Range": "bytes=1-2"}) == file[1:3]
    await walk("getArchiveContent", 304, **place, headers={"If-None-Match": "*"})
    await walk("getArchiveContent", 412, **place, headers={"If-Match": '"other"'})
    await walk("getArchiveContent", 416, **place, headers={"Range": f"bytes={len(file)}-"})
    await walk("getArchiveContent", 404, id="nothing")
    assert (await walk("putArchiveContent", 200, **place, data=file))["archiveId"] == archive
    await walk("putArchiveContent", 400, "archive_refused", id="0" * 8, data=b"no archive")
    await walk(
        "putArchiveContent", 400, "invalid_request", **place, data=b"x", headers={"Content-Range": "bytes 0-0/1"}
    )
    await walk("putArchiveContent", 415, **place, data=file, headers={"Content-Encoding": "gzip"})


async def state_that_fails(walk: Walk, patch: pytest.MonkeyPatch) -> None:
    """Walk along what a machine, a limit or a mistake may refuse: ``patch`` lets it."""
    refusals: list[tuple[int, InterpreterError]] = [
        (409, ContextRestarted("nobody")),
        (410, ContextDeleted("it was deleted")),
        (500, OperationFailed("the copy did not start")),
        (500, WorkerStartFailed("python3 not found")),
        (503, OutOfResources("too many open files")),
        (503, LimitReached("the queue is full")),
        (503, ServerShuttingDown()),
    ]
    for name in TURNS:
        for status, error in refusals:
            await _refused(walk, patch, name, status, error)
    await _refused(walk, patch, "makeCheckpoint", 409, CheckpointsFull("16 is the limit"))
    for name in ("archiveContext", "hibernateContext"):
        await _refused(walk, patch, name, 507, DiskFull("the disk is full"))
        await _refused(walk, patch, name, 409, NoStateDirectory())
    for name in ("listArchives", "getArchive", "deleteArchive", "getArchiveContent", "putArchiveContent"):
        await _refused(walk, patch, name, 409, NoStateDirectory())
    for name in ("getArchiveContent", "putArchiveContent"):
        await _refused(walk, patch, name, 500, FileError("an I/O error"))
        await _refused(walk, patch, name, 503, OutOfResources("too many open files"))
    await _refused(walk, patch, "getArchiveContent", 400, ArchiveRefused("the archive is corrupt"))
    for status, error in (
        (400, MalformedRequest("the body did not arrive whole")),
        (408, BodyTooSlow()),
        (409, ArchiveExists("another archive has this id")),
        (503, LimitReached("--archives-total-bytes")),
        (507, DiskFull("the disk is full")),
    ):
        await _refused(walk, patch, "putArchiveContent", status, error)
    for name in (*TURNS, *OTHERS):
        await _refused(walk, patch, name, 500, ZeroDivisionError())
    await walk("createContext", 409, "no_state_directory", json={"archive": "it"})
    with patch.context() as refusing:
        refusing.setattr(LocalContexts, "create", _raising(ArchiveRefused("the archive is corrupt")))
        await walk("createContext", 400, "archive_refused", json={"archive": "it"})


async def contexts_that_move(walk: Walk, patch: pytest.MonkeyPatch) -> None:
    """Walk along what is said of a context that the daemon before still has: ``patch`` lets one be there."""

    def check(manager: Manager, context_id: str) -> None:
        raise ContextMoving(context_id)

    with patch.context() as moving:
        moving.setattr(Manager, "check_here", check)
        await walk("execute", 503, "context_moving", json={"code": "pass", "contextId": "nobody"})
        for name in (*TURNS, "restartContext", *LOOKS):
            body = {"json": {"code": "pass"}} if name in CODE_LOOKS else BODIES.get(name, {})
            await walk(name, 503, "context_moving", **body)


async def _refused(walk: Walk, patch: pytest.MonkeyPatch, name: str, status: int, error: Exception) -> None:
    with patch.context() as refusing:
        refusing.setattr(LocalState, TURNS[name][0] if name in TURNS else OTHERS[name], _raising(error))
        code = error.code if isinstance(error, InterpreterError) else "internal_error"
        await walk(name, status, code, **BODIES.get(name, {}))


def _raising(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def refuse(*args: Any, **keys: Any) -> Any:
        raise error

    return refuse
