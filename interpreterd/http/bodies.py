"""Bodies and queries of requests, and the form of the answer that the client prefers."""

import asyncio
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from interpreterd.http.connections import receiving, waiting
from interpreterd.http.decoding import SMALL_BYTES, decode_any_size
from interpreterd.http.keys import SETTINGS
from interpreterd.model.errors import BodyTooLarge, BodyTooSlow, MalformedRequest, NotAcceptable, UnsupportedEncoding

BODY_PAUSES: Final = 10  # the time limit for a whole body, as a number of the longest pauses


async def read_json(request: web.Request, limit_bytes: int = SMALL_BYTES, *, is_light: bool = False) -> object:
    """Return the body's JSON, whatever its content type: ``curl -d`` calls JSON a form. An empty body means ``{}``.

    Raises:
        LimitReached: Too much is being received from other clients.
        MalformedRequest: It is not JSON, did not arrive whole or in time, is compressed, or has more than
            ``limit_bytes``, or than ``decoding`` takes.
    """
    with receiving(request) as hold:
        body = await _read_whole(request, limit_bytes, hold)
        if len(body) <= SMALL_BYTES and not body.removeprefix(BOM_UTF8).strip():
            return {}
        return await decode_any_size(body, "the body", is_light=is_light)


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """Return the body. Raises as ``read_json``, but for what is in it."""
    with receiving(request) as hold:
        return await _read_whole(request, limit_bytes, hold)


async def _read_whole(request: web.Request, limit_bytes: int, hold: Callable[[int], None]) -> bytes:
    encoding = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, []))
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding
    limit_bytes = min(limit_bytes, request.app[SETTINGS].body_limit_bytes)
    if (request.content_length or 0) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    try:
        return await _read(request, limit_bytes, hold)
    except web.RequestPayloadError as error:
        raise MalformedRequest(f"the body cannot be read: {error.__cause__ or error}") from None


async def _read(request: web.Request, limit_bytes: int, hold: Callable[[int], None]) -> bytes:
    """Return the body; at most ``limit_bytes``, and within the settings' times. ``hold`` is called for each part."""
    content = request.content
    if content.is_eof():
        parts = [content.read_nowait()]
    else:
        parts = []
        left = limit_bytes
        pause_s = request.app[SETTINGS].body_timeout_s
        now = asyncio.get_running_loop().time
        end = now() + pause_s * BODY_PAUSES
        try:
            with waiting(request):
                while left >= 0 and not content.at_eof():
                    async with asyncio.timeout_at(min(now() + pause_s, end)):
                        part = await content.readany()
                    hold(len(part))
                    parts.append(part)
                    left -= len(part)
        except TimeoutError:
            raise BodyTooSlow from None
    if sum(map(len, parts)) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    return b"".join(parts)


def query_flag(request: web.Request, key: str) -> bool:
    """Return the flag ``?key=``; False if it is absent. Raises ``MalformedRequest``."""
    text = request.query.get(key, "false")
    if text not in ("true", "false"):
        raise MalformedRequest(f"{key} must be true or false")
    return text == "true"


async def go_on(request: web.Request) -> None:
    """Let a client send a body that waits for permission (RFC 9110, section 10.1.1). Other expectations are ignored.

    aiohttp would answer them itself, and not in JSON.
    """
    if (request.content_length or 0) > request.app[SETTINGS].body_limit_bytes:
        return  # the request is refused
    if request.version >= HttpVersion11 and request.headers[hdrs.EXPECT].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # counts the answer only


def choose_form(request: web.Request, offered: Sequence[str]) -> str:
    """Return the media type of ``offered`` that the client prefers; raise ``NotAcceptable`` if it accepts none.

    RFC 9110, section 12.5.1. Among equals, the most exactly named type is chosen, then the first one. A range that
    cannot be read counts as absent.
    """
    accept = ",".join(request.headers.getall(hdrs.ACCEPT, []))
    if not accept.strip():
        return offered[0]
    ranges = dict(_range(part) for part in accept.split(","))

    def liking(kind: str) -> tuple[float, int]:
        for exactness, name in ((2, kind), (1, kind.partition("/")[0] + "/*"), (0, "*/*")):
            if name in ranges:
                return ranges[name], exactness
        return 0.0, 0

    best = max(offered, key=liking)
    if liking(best)[0] == 0.0:
        raise NotAcceptable(offered)
    return best


def _range(part: str) -> tuple[str, float]:
    """Return a media range and its weight, by default 1."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                return "", 0.0
            return (name, weight) if 0 <= weight <= 1 else ("", 0.0)
    return name, 1.0
