"""JSON of any size from clients, decoded without holding up other clients.

A decoder in C holds Python's lock until it has finished, even in a thread. So from a large text, the strings under the
keys ``LONG`` are taken out and decoded piece by piece. The rest must be small: a million tiny values take a second.
A *light* message may be larger, if it has few elements.
"""

import asyncio
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import orjson

from interpreterd.http.fields import decode_json
from interpreterd.model.displays import weight
from interpreterd.model.errors import BodyTooLarge, MalformedRequest
from interpreterd.model.functions import JSON_WEIGHT_LIMIT, VALUE_LIMIT_BYTES

SMALL_BYTES: Final = 256 << 10  # at worst six milliseconds
LIGHT_MESSAGE_BYTES: Final = VALUE_LIMIT_BYTES + (64 << 10)
LONG: Final = (b"code", b"text")
_PIECE_BYTES: Final = 256 << 10
# A piece of a string ends where each part can be decoded by itself: before an escape, or a pair of surrogates.
_PIECE: Final = re.compile(
    rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u(?![dD][89abAB])[0-9a-fA-F]{4}'
    rb"|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*+"
)
_threads = ThreadPoolExecutor(1, thread_name_prefix="decode")  # more would only compete for the interpreter


async def decode_any_size(
    data: bytes, what: str, *, depth: int = 1, is_light: bool = False, light_limit_bytes: int = LIGHT_MESSAGE_BYTES
) -> object:
    """Return the value of a client's JSON; ``what`` names it in the error.

    Large texts are decoded one at a time. Keys ``LONG`` are looked for down to ``depth``: 2 is an object in the object.
    What ``is_light`` is decoded as a whole up to ``light_limit_bytes``.

    Raises:
        MalformedRequest: It is not JSON.
        BodyTooLarge: It holds more than ``SMALL_BYTES`` outside the strings under the keys ``LONG``.
    """
    if len(data) <= SMALL_BYTES:
        return decode_json(data, what)
    run = asyncio.get_running_loop().run_in_executor
    if is_light and len(data) <= light_limit_bytes and weight(data) <= JSON_WEIGHT_LIMIT:
        return await run(_threads, decode_json, data, what)
    return await run(_threads, decode_large, data, what, depth)


def decode_large(data: bytes, what: str, most_depth: int = 1) -> object:
    """Do the same as ``decode_any_size``, in a thread: other threads get Python's lock every few milliseconds."""
    mark = secrets.token_hex(16)  # no client can know it, so it is in no client's text
    strings: list[str] = []
    rest = bytearray()
    done = depth = 0
    last = b""
    while (quote := data.find(b'"', done, done + SMALL_BYTES)) >= 0:
        between = data[done:quote]
        depth += sum(map(between.count, (b"{", b"["))) - sum(map(between.count, (b"}", b"]")))
        rest += between
        if 1 <= depth <= most_depth and last in LONG and between.strip() == b":":
            string, end = _long_string(data, quote + 1, what)
            rest += b'"%b%d"' % (mark.encode(), len(strings))
            strings.append(string)
            last = b""
        else:
            end = _end_of_piece(data, quote + 1, SMALL_BYTES)
            last = data[quote + 1 : end]
            rest += data[quote : end + 1]
        done = end + 1
        if len(rest) > SMALL_BYTES:
            break
    if len(rest) + len(data) - done > SMALL_BYTES:
        raise BodyTooLarge(SMALL_BYTES, f"{what} without its {' and '.join(name.decode() for name in LONG)}")
    value = decode_json(bytes(rest + data[done:]), what)
    _put_back(value, mark, strings, most_depth)
    return value


def _put_back(value: object, mark: str, strings: list[str], depth: int) -> None:
    """Replace each ``mark`` with its number by its string, in objects down to ``depth``."""
    if not isinstance(value, dict):
        return
    for name in map(bytes.decode, LONG):
        marked = value.get(name)
        if isinstance(marked, str) and marked.startswith(mark):
            value[name] = strings[int(marked.removeprefix(mark))]
    if depth > 1:
        for item in value.values():
            _put_back(item, mark, strings, depth - 1)


def _long_string(data: bytes, start: int, what: str) -> tuple[str, int]:
    """Return the string whose first character is at ``start``, and the position of the quote after it."""
    pieces = []
    while True:
        end = _end_of_piece(data, start, _PIECE_BYTES)
        try:
            pieces.append(orjson.loads(b'"%b"' % data[start:end]))
        except orjson.JSONDecodeError as error:
            raise MalformedRequest(f"{what} must be JSON: {error}") from None
        if data[end : end + 1] == b'"':
            return "".join(pieces), end
        if end == start:
            raise MalformedRequest(f"{what} must be JSON: a string has no end, or an unescaped character")
        start = end


def _end_of_piece(data: bytes, start: int, size: int) -> int:
    """Return where a part of a string ends: before its end, or an escape or character that ``size`` would cut."""
    piece = _PIECE.match(data, start, start + size)
    assert piece is not None, "it matches nothing as well"
    end = piece.end()
    if end == start + size:
        for _ in range(3):  # a first byte of UTF-8 is followed by at most three more
            if end < len(data) and data[end] & 0xC0 == 0x80:
                end -= 1
    return end
