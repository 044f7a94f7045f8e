"""The parts that both faces of the client share: a daemon, the way to it, and a coroutine for each request."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from interpreterd.client.arguments import check, encode_request, quoted
from interpreterd.client.calls import HostCalls, check_not_nested
from interpreterd.client.channel import Channel
from interpreterd.client.files import FileEntry, FileSource, download_file, list_entries, remove_file, upload_file
from interpreterd.client.following import FollowedExecution
from interpreterd.client.functions import HostFunctions, by_name, declarations
from interpreterd.client.link import DEFAULT_URL, Link
from interpreterd.client.local import LocalDaemon
from interpreterd.client.options import ContextOptions, Options, StreamOptions
from interpreterd.client.results import Collector
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID

OUTPUT_LIMIT_CHARS: Final = 64 << 20
RECONNECT_S: Final = 60.0

# Options that are sent as they are, by their keys.
_AS_IT_IS: Final = {
    "silent": "silent",
    "counted": "counted",
    "expressions": "expressions",
    "stop_on_error": "stopOnError",
    "checkpoint": "checkpoint",
}


class ClientCore:
    """The requests of a client. It belongs to the event loop that uses it first.

    It returns contexts as the daemon's JSON objects; each face has a class of its own for them.

    Attributes:
        daemon: The private daemon, which the first request starts; None if the client has none.
    """

    def __init__(self, url: str | LocalDaemon | None, options: Options) -> None:
        """See ``Interpreter``."""
        self._headers = dict(options.get("headers", {}))
        token = options.get("token")
        if token is None and not isinstance(url, LocalDaemon):
            token = os.environ.get("INTERPRETERD_TOKEN")
        self._tls = options.get("tls")
        self._origin = options.get("origin", "")
        check(self._headers, "headers")
        check(self._origin, "origin")
        check(token, "token")
        if token and not any(name.lower() == "authorization" for name in self._headers):
            self._headers["Authorization"] = f"Bearer {token}"
        self._reconnect_s = options.get("reconnect_s", RECONNECT_S)
        self._output_limit_chars = options.get("output_limit_chars", OUTPUT_LIMIT_CHARS)
        if url is None:
            url = os.environ.get("INTERPRETERD_URL") or DEFAULT_URL
        self.daemon = url if isinstance(url, LocalDaemon) else None
        self._link = Link(url, self._headers, self._tls) if isinstance(url, str) else None
        self._wants_channel = options.get("session", False)
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def open(self) -> Link:
        """Return the connection to the daemon; start the private one first, if that has not been done."""
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._link is None:
            async with self._opening:
                if self._link is None:
                    assert self.daemon is not None
                    self._link = Link(await asyncio.to_thread(self.daemon.start), self._headers)
        return self._link

    async def disconnect(self) -> None:
        """End all connections, for good. The caller stops the private daemon."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()
        if self._link is not None:
            await self._link.close()

    async def follow(self, code: str, context_id: str | None, options: StreamOptions) -> FollowedExecution:
        """Return an execution that starts when it is first asked for events. The caller must close it."""
        functions = by_name(options.get("functions"))
        body = self._body(code, context_id, options)
        link = await self.open()
        check_not_nested(link.url, context_id or DEFAULT_CONTEXT_ID)
        if self._wants_channel and self._channel is None:
            self._channel = Channel(link)
        # Over a connection for answers only, a call costs half. It is not shared: its reader may be slow.
        channel = Channel(link) if functions and self._channel is None else self._channel
        execution = FollowedExecution(
            link,
            body,
            origin=self._origin,
            reconnect_s=self._reconnect_s,
            channel=channel,
            owns_channel=channel is not self._channel,
        )
        self._offer(execution, functions)
        return execution

    def _body(self, code: str, context_id: str | None, options: StreamOptions) -> dict[str, Any]:
        body: dict[str, Any] = {
            "code": code,
            "contextId": context_id,
            "timeout": options.get("timeout"),
            "graceS": options.get("grace_s"),
            "envs": options.get("envs"),
        }
        if options.get("results") is not None:
            body["results"] = options.get("results")
        if options.get("interactive"):
            body["interactive"] = True
        if options.get("files"):
            body["files"] = True
        if options.get("on_input") is not None:  # of ``ExecuteOptions``
            body["stdin"] = True
        if options.get("charts"):
            body["charts"] = True
        if options.get("image_format"):
            body["imageFormat"] = options.get("image_format")
        for name, key in _AS_IT_IS.items():
            if (value := options.get(name)) is not None:
                body[key] = value
        if options.get("functions"):
            body["functions"] = declarations(by_name(options.get("functions")))
        return body

    def _offer(self, execution: FollowedExecution, functions: Mapping[str, Callable[..., Any]]) -> None:
        if functions and self._link is not None:
            execution.calls = HostCalls(functions, self._link.url, execution.context_id, execution.answer_call)

    async def attach(self, execution_id: str, start: int) -> FollowedExecution:
        """Return an execution that exists, from its event number ``start`` on. The caller must leave or close it."""
        link, seconds = await self.open(), self._reconnect_s
        return FollowedExecution(link, {}, origin="", reconnect_s=seconds, execution_id=execution_id, start=start)

    async def start(self, code: str, context_id: str | None, options: StreamOptions) -> FollowedExecution:
        """Begin an execution that waits for no reader; return it. The caller must leave or close it."""
        functions = by_name(options.get("functions"))
        body = {**self._body(code, context_id, options), "origin": self._origin, "background": True}
        check_not_nested((await self.open()).url, context_id or DEFAULT_CONTEXT_ID)
        accepted = await self._request("POST", "/execute", encode_request(body))
        execution = await self.attach(str(accepted["executionId"]), 0)
        execution.context_id = str(accepted["contextId"])
        self._offer(execution, functions)
        return execution

    async def resume(self, execution_id: str, functions: HostFunctions | None) -> FollowedExecution:
        """Return an execution that exists, and answer its calls: those that wait, and those that come."""
        offered = by_name(functions)
        shown = await self.show_execution(execution_id)
        execution = await self.attach(execution_id, 0)
        execution.context_id, execution.calls_from = str(shown["contextId"]), int(shown["events"])
        self._offer(execution, offered)
        if execution.calls is not None:
            execution.calls.begin_open(await execution.open_calls())
        return execution

    async def show_execution(self, execution_id: str) -> dict[str, Any]:
        """Return the daemon's description of an execution."""
        return await self._request("GET", f"/executions/{quoted(execution_id)}")

    async def interrupt_execution(self, execution_id: str) -> str:
        """Interrupt an execution; return what that did: ``interrupting``, ``cancelled`` or ``idle``."""
        answer = await self._request("POST", f"/executions/{quoted(execution_id)}/interrupt")
        return str(answer["did"])

    def collector(self) -> Collector:
        """Return a collector for the events of one execution."""
        return Collector(self._output_limit_chars)

    async def create_context(
        self, cwd: str | os.PathLike[str] | None, language: str | None, options: ContextOptions
    ) -> dict[str, Any]:
        """Make a context."""
        body = {"cwd": None if cwd is None else os.fspath(cwd), "language": language, **options}
        if options.get("archive") is None:
            return await self._request("POST", "/context", encode_request(body))
        # The more is in the archive, the longer it takes.
        return await (await self.open()).request("POST", "/context", encode_request(body), waits=True)

    async def get_context(self, context_id: str) -> dict[str, Any]:
        """Return a context."""
        return await self._request("GET", _path(context_id))

    async def list_contexts(self, labels: Mapping[str, str] | None, usage: bool) -> list[dict[str, Any]]:
        """Return all contexts that have ``labels``."""
        check(labels, "labels")
        query = [("label", f"{key}={value}") for key, value in (labels or {}).items()]
        if usage:
            query.append(("usage", "true"))
        path = f"/contexts?{urlencode(query)}" if query else "/contexts"
        return await (await self.open()).request_all(path, "contexts")

    async def stats(self, context_id: str | None) -> dict[str, Any]:
        """Return the stats of a context, or of all of them."""
        return await self._request("GET", "/stats" if context_id is None else _path(context_id) + "/stats")

    async def change_context(self, context_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change a context, as ``PATCH /context/{id}`` does; return it."""
        return await self._request("PATCH", _path(context_id), encode_request(body))

    async def delete_context(self, context_id: str) -> None:
        """End a context."""
        await self._request("DELETE", _path(context_id))

    async def interrupt(self, context_id: str | None) -> bool:
        """Interrupt the code that runs in a context; return whether code was running."""
        answer = await self._request("POST", _path(context_id) + "/interrupt")
        return bool(answer["interrupted"])

    async def restart(self, context_id: str | None, cancel_queued: bool) -> dict[str, Any]:
        """Give a context a new Python; return it."""
        query = "?cancelQueued=true" if cancel_queued else ""
        return await self._request("POST", _path(context_id) + "/restart" + query)

    async def upload(self, context_id: str, source: FileSource, name: str | None) -> FileEntry:
        """Write a file of a context."""
        return await upload_file(await self.open(), context_id, source, name)

    async def download(self, context_id: str, name: str, to: str | os.PathLike[str] | None) -> bytes | Path:
        """Read a file of a context."""
        return await download_file(await self.open(), context_id, name, to)

    async def files(self, context_id: str, glob: str | None) -> list[FileEntry]:
        """List the files of a context."""
        return await list_entries(await self.open(), context_id, glob)

    async def delete_file(self, context_id: str, name: str, recursive: bool) -> None:
        """Delete a file of a context."""
        await remove_file(await self.open(), context_id, name, recursive=recursive)

    async def look(self, context_id: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Look at a context's namespace; return the daemon's answer."""
        check_not_nested((await self.open()).url, context_id)
        path = f"{_path(context_id)}/{what}"
        if "code" in body:
            return await self._request("POST", path, encode_request(body))
        query = urlencode({key: value for key, value in body.items() if value is not None})
        return await self._request("GET", f"{path}?{query}" if query else path)

    async def _request(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        return await (await self.open()).request(method, path, body)


def _path(context_id: str | None) -> str:
    return f"/context/{quoted(context_id or DEFAULT_CONTEXT_ID)}"
