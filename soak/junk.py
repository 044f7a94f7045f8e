"""Data that no client should send: random bytes, and messages that are almost right."""

import random
from collections.abc import Callable
from typing import Any

import orjson
from frames import frame

SHORT = 200
TOKENS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\x00",
    b"\n",
    b"\r\n\r\n",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"[" * 2000,
    b'{"a":' * 500,
    b"GET / HTTP/1.1\r\n",
    b"\x81\xfe",
    b"\x88\x02",
    "\u2028".encode(),
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**32,
    2**63,
    10**15,
    1.5,
    "",
    "x",
    "\0",
    "x" * 1001,
    [],
    {},
    [[]],
    {"": ""},
    {"A": 1},
)
CODES = ("pass", "1", "x =", "\0", "1 / 0")


def junk_bytes(chooser: random.Random) -> bytes:
    """Return random bytes, faulty frames, or a mix of both."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: chooser.randbytes(chooser.randrange(SHORT)),
        lambda: frame(
            chooser.randrange(16),
            chooser.randbytes(chooser.randrange(SHORT)),
            fin=chooser.random() < 0.7,
            reserved=chooser.choice((0, 0, 0, 1, 2, 4, 7)),
            masked=chooser.random() < 0.9,
            claims=chooser.choice((None, None, 0, 125, 126, 1 << 16, 1 << 40, (1 << 64) - 1)),
        ),
        lambda: b"POST /process/interpreter/context HTTP/1.1\r\n" + chooser.randbytes(chooser.randrange(SHORT)),
        lambda: mutated(b"GET /process/interpreter/session HTTP/1.1\r\nHost: localhost\r\n\r\n", chooser),
    )
    return b"".join(chooser.choice(kinds)() for _ in range(chooser.randrange(1, 4)))


def junk_message(chooser: random.Random) -> bytes:
    """Return a message that is almost right, or right, and does no harm in the default context."""
    wish = {
        "op": chooser.choice(("execute", "execute", "interrupt", "return", "ping", "fly")),
        "requestId": chooser.choice(("a", "b", "c", "x" * 257)),
        "code": chooser.choice(CODES),
        "contextId": chooser.choice((None, "default", "no such", "")),
        "timeout": chooser.choice((5, 5, None)),
        "functions": chooser.choice((None, [{"name": "f"}], [{"name": "f.g.h"}], [{"name": "f"}] * 200)),
        "value": 1,
    }
    for key in chooser.sample([*wish, "envs", "executionId", "callId", "error", "later"], chooser.randrange(3)):
        if chooser.random() < 0.3:
            wish.pop(key, None)
        else:
            wish[key] = chooser.choice(VALUES)
    message = orjson.dumps(wish)
    return mutated(message, chooser) if chooser.random() < 0.3 else message


def mutated(data: bytes, chooser: random.Random) -> bytes:
    """Return ``data`` after some random changes: bytes flipped, cut, doubled, inserted."""
    changed = bytearray(data)
    for _ in range(chooser.randrange(1, 6)):
        start = chooser.randrange(len(changed) + 1)
        end = min(len(changed), start + chooser.choice((0, 1, 1, 2, 8, 64)))
        match chooser.randrange(4):
            case 0:
                changed[start:end] = chooser.randbytes(end - start)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end] * chooser.choice((1, 2, 50))
            case _:
                changed[start:start] = chooser.choice(TOKENS)
    return bytes(changed)
