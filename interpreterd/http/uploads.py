"""A body of any size, piece by piece, as its reader takes it: of no more than a piece or two is it kept in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
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


async def permit(request: web.Request) -> None:
    """Let a client send its body that waits for permission; see ``not_yet``."""
    expects = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
    if expects and request.version >= HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # counts the answer only


class Patience:
    """Receives the body of ``request``: the client may pause for ``body_timeout_s``, and not be slow all the time."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._pause_s = request.app[SETTINGS].body_timeout_s
        self._now = asyncio.get_running_loop().time
        self._end = self._now() + self._pause_s * BODY_PAUSES

    async def receive(self, receiving: Awaitable[bytes]) -> bytes:
        """Return the piece that ``receiving`` waits for.

        Raises:
            BodyTooSlow
            MalformedRequest: The body did not arrive whole.
        """
        try:
            with waiting(self._request):
                async with asyncio.timeout_at(min(self._now() + self._pause_s, self._end)):
                    piece = await receiving
        except TimeoutError:
            raise BodyTooSlow from None
        except web.RequestPayloadError as error:
            raise MalformedRequest(f"the body cannot be read: {error.__cause__ or error}") from None
        self._end += len(piece) / LEAST_BYTES_PER_S
        return piece


async def body_pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body of ``request``. Raises as ``Patience.receive``."""
    await permit(request)
    patience = Patience(request)
    while not request.content.at_eof():
        if piece := await patience.receive(request.content.readany()):
            yield piece
