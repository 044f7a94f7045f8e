"""A body of any size, piece by piece, as its reader takes it: of no more than a piece or two is it kept in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from interpreterd.http.bodies import BODY_PAUSES
from interpreterd.http.connections import waiting
from interpreterd.http.keys import SETTINGS
from interpreterd.model.errors import BodyTooSlow, InvalidRequest, MalformedRequest, UnsupportedEncoding

LEAST_BYTES_PER_S: Final = 16 << 10


async def not_yet(request: web.Request) -> None:
    """Let a client wait that asks whether it may send its body: ``body_pieces`` permits it. For ``expect_handler``."""


def check_whole(request: web.Request) -> None:
    """Raise ``UnsupportedEncoding`` or ``InvalidRequest`` unless the body is a whole, uncompressed file."""
    encoding = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, []))
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding
    if hdrs.CONTENT_RANGE in request.headers:  # RFC 9110, section 14.5
        raise InvalidRequest("Content-Range must be absent: a file is sent as a whole")


async def body_pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body of ``request``. The client may pause for ``body_timeout_s``, and must not be slow all the time.

    Raises:
        BodyTooSlow
        MalformedRequest: It did not arrive whole.
    """
    expects = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
    if expects and request.version >= HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # counts the answer only
    pause_s = request.app[SETTINGS].body_timeout_s
    now = asyncio.get_running_loop().time
    end = now() + pause_s * BODY_PAUSES
    try:
        while not request.content.at_eof():
            with waiting(request):
                async with asyncio.timeout_at(min(now() + pause_s, end)):
                    piece = await request.content.readany()
            end += len(piece) / LEAST_BYTES_PER_S
            if piece:
                yield piece
    except TimeoutError:
        raise BodyTooSlow from None
    except web.RequestPayloadError as error:
        raise MalformedRequest(f"the body cannot be read: {error.__cause__ or error}") from None
