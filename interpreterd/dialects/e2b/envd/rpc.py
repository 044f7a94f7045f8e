"""The RPCs of envd over HTTP: which there are, and how one of them becomes an answer."""

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sized
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web
from attrs import frozen
from google.protobuf.message import Message

from interpreterd.dialects.e2b.envd.connect import (
    END_STREAM,
    Codec,
    check_form,
    choose_codec,
    encoded,
    envelope,
    incoming,
    only_message,
    timeout_of,
)
from interpreterd.dialects.e2b.envd.errors import HTTP_STATUSES, EnvdRefused, code_of, connect_body
from interpreterd.dialects.e2b.envd.state import check_user
from interpreterd.dialects.e2b.sandbox import Sandbox
from interpreterd.http.bodies import read_body
from interpreterd.http.disconnect import when_gone
from interpreterd.http.errors import INTERNAL, HttpError, of_status
from interpreterd.http.keys import SETTINGS
from interpreterd.http.streams import HEADERS
from interpreterd.model.errors import InterpreterError
from interpreterd.model.names import JSON
from interpreterd.monitoring.happenings import tell_refusal

LARGE_MESSAGES: Final = 200  # repeated parts of a message that is encoded in a thread
_DIGITS_LIMIT: Final = 4
_log = logging.getLogger(__name__)


@frozen
class RpcCall:
    """What an RPC has besides its message.

    Attributes:
        deadline: On the loop's clock; None if there is none.
        keepalive_s: After so much silence the client wants a sign of life; None for no sign.
    """

    deadline: float | None
    keepalive_s: float | None


Unary = Callable[[Sandbox, Any], Awaitable[Message]]
ServerStream = Callable[[Sandbox, Any, RpcCall], AsyncGenerator[Message]]
ClientStream = Callable[[Sandbox, AsyncIterator[Any]], Awaitable[Message]]


@frozen
class Method:
    """An RPC: the class of its request, and one function."""

    request: type[Message]
    unary: Unary | None = None
    stream: ServerStream | None = None
    client_stream: ClientStream | None = None


async def answer(methods: Mapping[str, Method], sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Answer an RPC of a service that has ``methods``."""
    name = request.match_info["method"]
    try:
        method = methods.get(name)
        if method is None:
            error = EnvdRefused("unimplemented", f"there is no RPC of the name {name[:100]}")
            return _refusal(error, HTTPStatus.NOT_FOUND)
        if method.unary is not None:
            return await _answer_unary(method, method.unary, sandbox, request)
        codec = choose_codec(request, stream=True)
        return await _answer_stream(method, codec, sandbox, request)
    except InterpreterError as error:
        tell_refusal(error)
        return _refusal(error)
    except web.HTTPException as error:
        refusal = _refusal(of_status(error.status, error.reason))
        refusal.headers.update({name: error.headers[name] for name in ("Accept-Post",) if name in error.headers})
        return refusal


def _refusal(error: InterpreterError | HttpError, status: int | None = None) -> web.Response:
    code = code_of(error)
    if status is None:
        status = error.status if isinstance(error, HttpError) else HTTP_STATUSES[code]
    return web.Response(body=connect_body(code, _sentence(error)), status=status, content_type=JSON)


def _sentence(error: InterpreterError | HttpError) -> str:
    return error.text if isinstance(error, HttpError) else str(error)


async def _answer_unary(method: Method, function: Unary, sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    codec = choose_codec(request, stream=False)
    check_form(request)
    await _check_user(request)
    timeout_s = timeout_of(request)
    message = await codec.read(await read_body(request, _limit(request)), method.request)
    try:
        async with asyncio.timeout(timeout_s):
            reply = await function(sandbox, message)
    except TimeoutError:
        raise EnvdRefused("deadline_exceeded", "the RPC took longer than Connect-Timeout-Ms") from None
    body = await encoded(codec, reply, large=_is_large(reply))
    return web.Response(body=body, content_type=codec.content_type)


def _is_large(message: Message) -> bool:
    fields = [value for _, value in message.ListFields()]
    return any(isinstance(it, Sized) and not isinstance(it, str | bytes) and len(it) > LARGE_MESSAGES for it in fields)


async def _answer_stream(method: Method, codec: Codec, sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Answer with the messages of a stream, and in the end with how it ended; errors are there, too."""
    response = web.StreamResponse(headers={**HEADERS, hdrs.CONTENT_TYPE: codec.content_type})
    task = asyncio.current_task()
    assert task is not None, "a handler runs in a task"
    gone = False

    def leave() -> None:
        nonlocal gone
        gone = True
        task.cancel()

    try:
        with when_gone(request, leave, request.app[SETTINGS].heartbeat_s):
            error = await _send(method, codec, sandbox, request, response)
            if not response.prepared:
                await response.prepare(request)
            end = b"{}" if error is None else b'{"error":%b}' % connect_body(code_of(error), _sentence(error))
            await response.write(envelope(end, END_STREAM))
    except asyncio.CancelledError:
        if not gone:
            raise
        task.uncancel()
    except ConnectionError:
        pass
    return response


async def _send(
    method: Method, codec: Codec, sandbox: Sandbox, request: web.Request, response: web.StreamResponse
) -> InterpreterError | HttpError | None:
    """Send the messages; return why the stream ends early, or None."""
    try:
        check_form(request)
        await _check_user(request)
        call = _call(request)
        messages = _messages(method, codec, sandbox, request, call)
        try:
            async with asyncio.timeout_at(call.deadline), contextlib.aclosing(messages):
                async for message in messages:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(envelope(codec.encode(message)))
        except TimeoutError:
            raise EnvdRefused("deadline_exceeded", "the RPC took longer than Connect-Timeout-Ms") from None
    except InterpreterError as error:
        tell_refusal(error)
        return error
    except ConnectionError:
        raise
    except Exception:
        _log.exception("%s %s failed", request.method, request.path)
        return INTERNAL
    return None


async def _messages(
    method: Method, codec: Codec, sandbox: Sandbox, request: web.Request, call: RpcCall
) -> AsyncGenerator[Message]:
    limit_bytes = _limit(request)
    if method.client_stream is not None:
        async with contextlib.aclosing(incoming(request, limit_bytes)) as received:
            yield await method.client_stream(sandbox, _read_each(codec, method.request, received))
        return
    assert method.stream is not None, "a method has one function"
    body = await read_body(request, limit_bytes)
    message = await codec.read(only_message(body, limit_bytes), method.request)
    async with contextlib.aclosing(method.stream(sandbox, message, call)) as replies:
        async for reply in replies:
            yield reply


async def _read_each(codec: Codec, kind: type[Message], received: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in received:
        yield await codec.read(data, kind)


def _limit(request: web.Request) -> int:
    return request.app[SETTINGS].body_limit_bytes


def _call(request: web.Request) -> RpcCall:
    timeout_s = timeout_of(request)
    text = request.headers.get("Keepalive-Ping-Interval", "")
    keepalive_s = float(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_LIMIT else 0.0
    now = asyncio.get_running_loop().time()
    return RpcCall(None if timeout_s is None else now + timeout_s, keepalive_s or None)


async def _check_user(request: web.Request) -> None:
    """Raise ``EnvdRefused`` if the client wants the rights of another user: it names one by basic authentication."""
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            raise EnvdRefused("unauthenticated", "Authorization must be basic, with the name of a user") from None
        await asyncio.to_thread(check_user, name)
