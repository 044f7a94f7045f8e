"""Answers in JSON: small ones in one write, large ones piece by piece, as the client takes them."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from interpreterd.model.names import JSON

PIECE_BYTES: Final = 64 << 10
LISTING_LIMIT_BYTES: Final = 8 << 20  # two KiB for each of 4096 contexts


class Pieces(web.StreamResponse):
    """An answer whose body is made and written piece by piece.

    Each piece waits until the client has taken most of the earlier pieces, and other requests have their turn in
    between. When the client disconnects, the rest is dropped.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        *,
        size_bytes: int | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with JSON in ``pieces``, each not empty; ``size_bytes`` is their sum, if it is known."""
        super().__init__(status=status, headers=headers)
        self.content_type = JSON
        self.content_length = size_bytes
        self._pieces: Iterator[bytes] = iter(pieces)

    async def write_eof(self, data: bytes = b"") -> None:
        """See aiohttp; ``data`` is empty."""
        try:
            if not self._must_be_empty_body:
                for piece in self._pieces:
                    await self.write(piece)
                    await asyncio.sleep(0)
        finally:
            self._pieces = iter(())
        await super().write_eof(data)


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """Return ``body`` as a JSON response."""
    return encoded_response(orjson.dumps(body), status=status, headers=headers)


def encoded_response(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """Return ``body``, which is JSON, as a response."""
    if len(body) <= PIECE_BYTES:
        return web.Response(body=body, status=status, headers=headers, content_type=JSON)
    pieces = (body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES))
    return Pieces(pieces, size_bytes=len(body), status=status, headers=headers)


def sized_response(pieces: Iterator[bytes], size_bytes: int) -> web.StreamResponse:
    """Return JSON in ``pieces``, which have ``size_bytes`` in all, as a response."""
    if size_bytes <= PIECE_BYTES:
        return web.Response(body=b"".join(pieces), content_type=JSON)
    return Pieces(pieces, size_bytes=size_bytes)


def listing_response(
    name: str, items: Iterable[tuple[str, Mapping[str, Any]]], *, limit: int | None = None
) -> web.StreamResponse:
    """Return a JSON object whose ``name`` is an array of ``items``, each of which comes with its id.

    They are iterated over as the client takes earlier ones. The array ends after ``limit`` items, or after
    ``LISTING_LIMIT_BYTES`` (not counting the first item). The key ``next`` then has the id of the last item.
    """
    pieces = _list(name, items, limit)
    first = next(pieces)
    if len(first) < PIECE_BYTES:  # then it is the last piece, too
        return web.Response(body=first, content_type=JSON)
    return Pieces(itertools.chain((first,), pieces))


def _list(name: str, items: Iterable[tuple[str, Mapping[str, Any]]], limit: int | None) -> Iterator[bytes]:
    piece = bytearray(b'{"%b":[' % name.encode())
    size_bytes = 0
    last: str | None = None
    for count, (item_id, item) in enumerate(items):
        shown = orjson.dumps(item)
        size_bytes += len(shown)
        if last is not None:
            if size_bytes > LISTING_LIMIT_BYTES or count == limit:
                yield bytes(piece) + b'],"next":%b}' % orjson.dumps(last)
                return
            piece += b","
        piece += shown
        last = item_id
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"]}"
