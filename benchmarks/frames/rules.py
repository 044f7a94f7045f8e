"""Rules of RFC 6455, sections 5 and 7: for each, a stream that breaks it, and the close code that it deserves."""

from typing import Final

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
MASK: Final = b"\x01\x02\x03\x04"


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80, head: bytes | None = None) -> bytes:
    """Return a client's frame. ``first`` has the bits above the opcode; ``head`` stands for mask bit and length."""
    size = len(payload)
    if head is None:
        if size < 126:
            head = bytes((0x80 | size,))
        elif size < 1 << 16:
            head = bytes((0x80 | 126,)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | 127,)) + size.to_bytes(8, "big")
    return bytes((first | opcode,)) + head + MASK + masked(payload)


def masked(payload: bytes) -> bytes:
    """Return ``payload`` under ``MASK``."""
    size = len(payload)
    pad = (MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def _close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


BROKEN: Final[dict[str, tuple[bytes, int]]] = {
    "a client's frame is masked (5.1)": (b"\x81\x02{}", 1002),
    "reserved bits are 0 (5.2)": (frame(TEXT, b"{}", first=0x90), 1002),
    "reserved bit 1, without an extension (5.2)": (frame(TEXT, b"{}", first=0xC0), 1002),
    "opcodes are known (5.2)": (frame(3, b"{}"), 1002),
    "16 bits of length only from 126 on (5.2)": (frame(TEXT, b"{}", head=b"\xfe\0\x02"), 1002),
    "64 bits of length only from 65536 on (5.2)": (frame(TEXT, b"{}", head=b"\xff" + (2).to_bytes(8, "big")), 1002),
    "the highest bit of a length is 0 (5.2)": (frame(TEXT, b"{}", head=b"\xff" + (1 << 63).to_bytes(8, "big")), 1002),
    "control frames are not fragmented (5.5)": (frame(PING, first=0), 1002),
    "control frames hold 125 bytes (5.5)": (frame(PING, b"x" * 126), 1002),
    "continuations have a beginning (5.4)": (frame(CONTINUATION, b"{}"), 1002),
    "a message ends before the next begins (5.4)": (frame(TEXT, b"{", first=0) + frame(TEXT, b"}"), 1002),
    "also after an empty fragment (5.4)": (frame(TEXT, b"", first=0) + frame(TEXT, b"{}"), 1002),
    "text is UTF-8 (5.6)": (frame(TEXT, b"\xff"), 1007),
    "also across fragments (5.6)": (frame(TEXT, b"\xc3", first=0) + frame(CONTINUATION, b"("), 1007),
    "invalid text fails before its end (8.1)": (frame(TEXT, b"\xff" + b"x" * 99)[:50], 1007),
    "a close frame has no half code (5.5.1)": (frame(CLOSE, b"\x03"), 1002),
    "a reason is UTF-8 (5.5.1)": (_close(1000, b"\xff"), 1007),
    "close codes from 1000 on (7.4.2)": (_close(999), 1002),
    "close code 1005 is never sent (7.4.1)": (_close(1005), 1002),
    "close codes to 2999 are registered (7.4.2)": (_close(2999), 1002),
    "close codes end at 4999 (7.4.2)": (_close(5000), 1002),
    "limit of a message (10.4)": (frame(TEXT, b"{", head=b"\xff" + (17 << 20).to_bytes(8, "big")), 1009),
    "limit of a message in fragments (10.4)": (
        frame(BINARY, b"x" * (9 << 20), first=0) + frame(CONTINUATION, b"x" * (9 << 20)),
        1009,
    ),
    "limit on the number of fragments (10.4)": (
        frame(TEXT, b"{", first=0) + frame(CONTINUATION, b"", first=0) * 200_000,
        1009,
    ),
}
AFTER_CLOSE: Final = "data after a close frame is ignored (5.5.1)"
AFTER: Final = _close(1000) + frame(TEXT, b"{}")
