"""The rules of RFC 6455, sections 5, 7 and 8: streams that keep them, and streams that break them."""

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from framing import LIMIT_BYTES, close, fragments, octets, text

from interpreterd.http.websocket.frames import CloseFrame, Item, Message, Ping, Pong

SNOW = "☃é𝄞".encode()
KEPT: dict[str, tuple[bytes, list[Item]]] = {
    "5.2, the shortest length up to 125": (frame(TEXT, b"x" * 125), [Message(b"x" * 125)]),
    "5.2, two bytes of length from 126": (frame(TEXT, b"x" * 126), [Message(b"x" * 126)]),
    "5.2, two bytes of length up to 65535": (frame(BINARY, b"x" * 65535), [Message(b"x" * 65535, False)]),
    "5.2, eight bytes of length from 65536": (frame(BINARY, b"x" * 65536), [Message(b"x" * 65536, False)]),
    "5.2, nothing at all": (frame(TEXT) + frame(BINARY), [Message(b""), Message(b"", False)]),
    "5.3, a mask of zeros": (frame(TEXT, b"plain", mask=b"\0\0\0\0"), [Message(b"plain")]),
    "5.3, a mask of ones": (frame(TEXT, SNOW, mask=b"\xff\xff\xff\xff"), [Message(SNOW)]),
    "5.4, fragments": (text(b"a", b"b", b"c"), [Message(b"abc")]),
    "5.4, fragments of nothing": (text(b"", b"", b""), [Message(b"")]),
    "5.4, an empty beginning": (text(b"", b"abc"), [Message(b"abc")]),
    "5.4, an empty end": (fragments(BINARY, b"abc", b""), [Message(b"abc", False)]),
    "5.4, a message after fragments": (text(b"a", b"b") + text(b"after"), [Message(b"ab"), Message(b"after")]),
    "5.4, control frames between fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(PONG) + frame(CONTINUATION, b"b"),
        [Ping(b"p"), Pong(b""), Message(b"ab")],
    ),
    "5.5, a full control frame": (frame(PING, b"\xff" * 125), [Ping(b"\xff" * 125)]),
    "5.5.1, a close without a code": (frame(CLOSE), [CloseFrame()]),
    "5.5.1, a close within a fragmented message": (frame(TEXT, b"a", fin=False) + close(1001), [CloseFrame(1001)]),
    "5.5.1, a full reason": (close(1000, b"x" * 123), [CloseFrame(1000, "x" * 123)]),
    "5.5.1, a reason in UTF-8": (close(4321, SNOW), [CloseFrame(4321, SNOW.decode())]),
    "5.5.3, a pong that nobody asked for": (frame(PONG, b"hello"), [Pong(b"hello")]),
    "5.6, binary is not text": (frame(BINARY, b"\xff\xfe"), [Message(b"\xff\xfe", False)]),
    "8.1, characters across fragments": (text(*octets(SNOW)), [Message(SNOW)]),
}
BROKEN: dict[str, tuple[bytes, int, str]] = {
    "5.1, unmasked text": (frame(TEXT, b"{}", masked=False), 1002, "must mask"),
    "5.1, unmasked and empty": (frame(TEXT, masked=False), 1002, "must mask"),
    "5.1, unmasked ping": (frame(PING, masked=False), 1002, "must mask"),
    "5.1, unmasked close": (frame(CLOSE, masked=False), 1002, "must mask"),
    "5.1, unmasked continuation": (frame(TEXT, fin=False) + frame(CONTINUATION, masked=False), 1002, "must mask"),
    **{
        f"5.2, reserved bits {bits:03b} of opcode {opcode}": (frame(opcode, reserved=bits), 1002, "reserved bit")
        for bits in range(1, 8)
        for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
    },
    "5.2, a reserved bit in a continuation": (
        frame(TEXT, fin=False) + frame(CONTINUATION, reserved=4),
        1002,
        "reserved bit",
    ),
    **{
        f"5.2, opcode {opcode}": (frame(opcode), 1002, f"opcode {opcode} ") for opcode in (*range(3, 8), *range(11, 16))
    },
    **{
        f"5.2, {size} in {width} bytes": (frame(TEXT, b"x" * size, length_bytes=width), 1002, "length")
        for size, width in ((0, 2), (5, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8))
    },
    "5.2, the highest bit of a length": (frame(BINARY, claims=1 << 63), 1002, "length"),
    "5.2, all bits of a length": (frame(BINARY, claims=(1 << 64) - 1), 1002, "length"),
    "5.4, nothing to continue": (frame(CONTINUATION, b"x"), 1002, "continue"),
    "5.4, nothing to continue, and more": (frame(CONTINUATION, b"x", fin=False), 1002, "continue"),
    "5.4, a new text in a text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002, "not ended"),
    "5.4, a new binary in a text": (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), 1002, "not ended"),
    "5.4, a new text after an empty beginning": (frame(TEXT, fin=False) + frame(TEXT, b"b"), 1002, "not ended"),
    **{
        f"5.5, fragmented control frame {opcode}": (frame(opcode, fin=False), 1002, "fragmented")
        for opcode in (CLOSE, PING, PONG)
    },
    **{
        f"5.5, long control frame {opcode}": (frame(opcode, b"\x03\xe8" + b"x" * size), 1002, "125")
        for opcode in (CLOSE, PING, PONG)
        for size in (124, 65536)
    },
    "5.5.1, half a close code": (frame(CLOSE, b"\x03"), 1002, "close code"),
    "5.5.1, a reason that is not UTF-8": (close(1000, b"\xff"), 1007, "UTF-8"),
    "5.5.1, a reason cut in a character": (close(1000, SNOW[:2]), 1007, "UTF-8"),
    **{
        f"7.4, close code {code}": (close(code), 1002, "close code")
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535)
    },
    "8.1, text that is not UTF-8": (frame(TEXT, b"a\xff"), 1007, "UTF-8"),
    "8.1, text cut in a character": (frame(TEXT, SNOW[:2]), 1007, "UTF-8"),
    "8.1, text cut in a character, in fragments": (text(SNOW[:2], b""), 1007, "UTF-8"),
    "8.1, ASCII within a character": (text(SNOW[:2], b"a"), 1007, "UTF-8"),
    "8.1, a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007, "UTF-8"),
    "10.4, a message beyond the limit": (frame(BINARY, claims=LIMIT_BYTES + 1), 1009, str(LIMIT_BYTES)),
    "10.4, the largest length that may be": (frame(TEXT, claims=(1 << 63) - 1), 1009, str(LIMIT_BYTES)),
    "10.4, fragments beyond the limit": (
        fragments(BINARY, b"x" * LIMIT_BYTES, b"x"),
        1009,
        str(LIMIT_BYTES),
    ),
    "HTTP instead of frames": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1002, "reserved bit"),
}
