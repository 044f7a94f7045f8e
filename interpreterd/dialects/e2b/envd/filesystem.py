"""The service ``filesystem.Filesystem``."""

import datetime
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from aiohttp import web
from google.protobuf.message import Message

from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.messages import FILESYSTEM
from interpreterd.dialects.e2b.envd.rpc import Method, RpcCall, answer
from interpreterd.dialects.e2b.envd.watches import LOST, TOO_FAST, Change
from interpreterd.dialects.e2b.sandbox import Sandbox

_TYPES: Final = {"file": 1, "directory": 2, "symlink": 3}
_CHANGES: Final = {"create": 1, "write": 2, "remove": 3, "rename": 4, "chmod": 5}


async def filesystem(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Answer an RPC of this service."""
    return await answer(FILESYSTEM_RPCS, sandbox, request)


def _entry(found: Any) -> Any:
    """Return the description of a file, from the untrusted one of a helper."""
    message = FILESYSTEM["EntryInfo"]()
    try:
        for name in ("name", "path", "permissions", "owner", "group"):
            setattr(message, name, found[name])
        message.type = _TYPES.get(found["type"], 0)
        message.size = found["size"]
        message.mode = found["mode"]
        message.modified_time.FromDatetime(_moment(found["modified"]))
        if "target" in found:
            message.symlink_target = found["target"]
            message.is_symlink = True
        message.metadata.update(found.get("metadata", {}))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EnvdRefused("internal", f"a file was described in a wrong way: {error}") from None
    return message


def _moment(nanoseconds: int) -> datetime.datetime:
    seconds = max(-(1 << 34), min(nanoseconds // 10**9, 1 << 36))
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.replace(microsecond=nanoseconds // 1000 % 10**6)


async def _stat(sandbox: Sandbox, request: Any) -> Message:
    found = await sandbox.envd.helpers.call("stat", path=request.path)
    return FILESYSTEM["StatResponse"](entry=_entry(found))


async def _make_directory(sandbox: Sandbox, request: Any) -> Message:
    found = await sandbox.envd.helpers.call("make_directory", path=request.path)
    return FILESYSTEM["MakeDirResponse"](entry=_entry(found))


async def _move(sandbox: Sandbox, request: Any) -> Message:
    found = await sandbox.envd.helpers.call("move", source=request.source, destination=request.destination)
    return FILESYSTEM["MoveResponse"](entry=_entry(found))


async def _remove(sandbox: Sandbox, request: Any) -> Message:
    await sandbox.envd.helpers.call("remove", path=request.path)
    return FILESYSTEM["RemoveResponse"]()


async def _list(sandbox: Sandbox, request: Any) -> Message:
    found = await sandbox.envd.helpers.call("list_directory", path=request.path, depth=request.depth)
    if not isinstance(found, list):
        raise EnvdRefused("internal", "a directory was listed in a wrong way")
    return FILESYSTEM["ListDirResponse"](entries=map(_entry, found))


def _event(change: Change) -> Any:
    kind = _CHANGES.get(change.kind, 0)
    entry = None if change.entry is None else _entry(change.entry)
    return FILESYSTEM["FilesystemEvent"](name=change.name, type=kind, entry=entry)


async def _create_watcher(sandbox: Sandbox, request: Any) -> Message:
    watcher_id = str(uuid.uuid4())
    await sandbox.envd.watches.create(
        watcher_id, request.path, recursive=request.recursive, entries=request.include_entry
    )
    return FILESYSTEM["CreateWatcherResponse"](watcher_id=watcher_id)


async def _get_events(sandbox: Sandbox, request: Any) -> Message:
    changes = sandbox.envd.watches.find(request.watcher_id).take()
    return FILESYSTEM["GetWatcherEventsResponse"](events=map(_event, changes))


async def _remove_watcher(sandbox: Sandbox, request: Any) -> Message:
    await sandbox.envd.watches.remove(request.watcher_id)
    return FILESYSTEM["RemoveWatcherResponse"]()


async def _watch(sandbox: Sandbox, request: Any, call: RpcCall) -> AsyncGenerator[Message]:
    kind: Any = FILESYSTEM["WatchDirResponse"]
    watch = sandbox.envd.watches.watch(request.path, recursive=request.recursive, entries=request.include_entry)
    await watch.begin()
    try:
        started = kind()
        started.start.SetInParent()
        yield started
        async for change in watch.changes(call.keepalive_s):
            if change is not None and change.kind == LOST:
                raise EnvdRefused("resource_exhausted", TOO_FAST)
            told = kind()
            if change is None:
                told.keepalive.SetInParent()
            else:
                told.filesystem.CopyFrom(_event(change))
            yield told
        raise EnvdRefused("unavailable", "the watch of the directory has ended")
    finally:
        sandbox.envd.watches.end(watch)


FILESYSTEM_RPCS: Final[Mapping[str, Method]] = {
    "Stat": Method(FILESYSTEM["StatRequest"], _stat),
    "MakeDir": Method(FILESYSTEM["MakeDirRequest"], _make_directory),
    "Move": Method(FILESYSTEM["MoveRequest"], _move),
    "ListDir": Method(FILESYSTEM["ListDirRequest"], _list),
    "Remove": Method(FILESYSTEM["RemoveRequest"], _remove),
    "WatchDir": Method(FILESYSTEM["WatchDirRequest"], stream=_watch),
    "CreateWatcher": Method(FILESYSTEM["CreateWatcherRequest"], _create_watcher),
    "GetWatcherEvents": Method(FILESYSTEM["GetWatcherEventsRequest"], _get_events),
    "RemoveWatcher": Method(FILESYSTEM["RemoveWatcherRequest"], _remove_watcher),
}
