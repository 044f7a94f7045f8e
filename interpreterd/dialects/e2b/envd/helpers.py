"""Helpers: unlisted contexts that work for clients who name no context, with the rights that code in a context has.

A helper is made when it is needed, and ends when it has had nothing to do for a while. What it says is untrusted, as
that of all contexts: user code is on the same machine, with the same rights.
"""

import asyncio
import binascii
import logging
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import orjson

from interpreterd.background import supervised
from interpreterd.contexts.service import ContextService
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.model.displays import Display
from interpreterd.model.errors import ContextNotFound, InterpreterError, ServerShuttingDown
from interpreterd.model.events import Finished, InputRequest
from interpreterd.model.requests import CreateContext, Execute

HELPERS_LIMIT: Final = 4
IDLE_S: Final = 30.0
E2B_ORIGIN: Final = "e2b"
_REPLY: Final = "application/vnd.interpreterd.reply"
_DATA: Final = "application/octet-stream"
_FUTURE: Final = "from __future__ import annotations\n"
_log = logging.getLogger(__name__)


def source(*names: str) -> str:
    """Return the modules ``names`` of ``in_context`` as one piece of code."""
    folder = resources.files(f"{__package__}.in_context")
    lines = [
        line
        for name in names
        for line in folder.joinpath(f"{name}.py").read_text("utf-8").splitlines(keepends=True)
        if not line.startswith(("from __future__", "from interpreterd."))
    ]
    return _FUTURE + "".join(lines)


_CODE: Final = source("files", "transfers", "machine")


def own_execution(context_id: str, code: str) -> Execute:
    """Return a request to run ``code``, which may ask its client, in a context of this dialect's own."""
    return Execute(code=code, context_id=context_id, timeout_s=None, stdin=True, results=False, origin=E2B_ORIGIN)


class _Helper:
    """One helper.

    Attributes:
        calls: How many calls it works for, or will.
        lost: Whether it is no more.
        idle: What ends it, when it has had nothing to do for a while.
    """

    def __init__(self, service: ContextService) -> None:
        self._service = service
        self._ready: asyncio.Task[str] | None = None
        self.calls = 0
        self.lost = False
        self.idle: asyncio.TimerHandle | None = None

    async def context(self) -> str:
        """Return the id of its context, which the first call makes."""
        if self._ready is None:
            self._ready = asyncio.create_task(self._begin())
        try:
            return await asyncio.shield(self._ready)
        except InterpreterError:
            self.lost = True
            raise

    async def _begin(self) -> str:
        info = await self._service.create(CreateContext(listed=False))
        try:
            submission = await self._service.submit(own_execution(info.id, _CODE))
            try:
                async for _ in submission:
                    pass
            finally:
                submission.stop()
        except BaseException:
            await self._service.delete(info.id)
            raise
        return info.id

    async def end(self) -> None:
        """End its context."""
        self.lost = True
        if self._ready is not None:
            try:
                await self._service.delete(await asyncio.shield(self._ready))
            except InterpreterError as error:
                _log.debug("a helper is already gone: %s", error)


class Helpers:
    """Calls the functions of ``in_context.files`` and its like."""

    def __init__(self, service: ContextService) -> None:
        self._service = service
        self._helpers: list[_Helper] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, name: str, *, data: bytes | None = None, **arguments: Any) -> Any:
        """Return what the function ``name`` returns, as JSON values, or bytes; it is asked for ``data`` if it asks.

        Raises:
            EnvdRefused: The function has, or its context could not do it.
            LimitReached, OutOfResources, WorkerStartFailed, ServerShuttingDown
        """
        helper = self._choose()
        helper.calls += 1
        if helper.idle is not None:
            helper.idle.cancel()
        try:
            return await self._call(helper, name, data, arguments)
        except ContextNotFound:
            helper.lost = True
            raise EnvdRefused(
                "unavailable", "the helper for files has ended, and the request may be sent again"
            ) from None
        finally:
            helper.calls -= 1
            self._tidy(helper)

    async def _call(self, helper: _Helper, name: str, data: bytes | None, arguments: Mapping[str, Any]) -> Any:
        code = f"call({name!r}, {orjson.dumps(arguments).decode()!a}, display)"
        submission = await self._service.submit(own_execution(await helper.context(), code), answers=True)
        reply: Any = None
        found: bytes | None = None
        try:
            async for _, event in submission:
                match event:
                    case InputRequest():
                        text = None if data is None else binascii.b2a_base64(data, newline=False).decode()
                        await self._service.answer(submission.execution_id, text)
                    case Display():
                        reply = _json(event.data.get(_REPLY))
                        found = _bytes(event.data.get(_DATA))
                    case Finished() if reply is None:
                        helper.lost = True
                        if isinstance(event.cause, ServerShuttingDown):
                            raise event.cause.again()
                        why = event.error.value if event.error is not None else event.outcome
                        raise EnvdRefused("internal", f"the helper for files has failed: {why}")
                    case _:
                        pass
        finally:
            submission.stop()
        if not isinstance(reply, dict):
            raise EnvdRefused("internal", "the helper for files has answered with something else")
        if "code" in reply:
            raise EnvdRefused(str(reply["code"]), str(reply.get("message", "")))
        return reply.get("value") if found is None else found

    def _choose(self) -> _Helper:
        """Return a helper that has nothing to do, or a new one, or that with the least to do."""
        self._helpers = [helper for helper in self._helpers if not helper.lost]
        best = min(self._helpers, key=lambda helper: helper.calls, default=None)
        if best is None or (best.calls and len(self._helpers) < HELPERS_LIMIT):
            best = _Helper(self._service)
            self._helpers.append(best)
        return best

    def _tidy(self, helper: _Helper) -> None:
        """End ``helper`` if it is lost; and soon, if it has nothing to do."""
        if helper.calls:
            return
        if helper.lost:
            self._end(helper)
        else:
            helper.idle = asyncio.get_running_loop().call_later(IDLE_S, self._end, helper)

    def _end(self, helper: _Helper) -> None:
        if helper in self._helpers:
            self._helpers.remove(helper)
        task = supervised(asyncio.get_running_loop(), helper.end(), _log, "a helper could not be ended")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _json(text: object) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _bytes(text: object) -> bytes | None:
    try:
        return binascii.a2b_base64(text) if isinstance(text, str) else None
    except binascii.Error:
        return None
