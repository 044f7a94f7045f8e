"""The cases 1 to 7, 9 and 10 of the Autobahn test suite, by their numbers, in our words; 12 and 13 are of extensions.

The suite speaks with an echo server over a socket. Here its frames go to the reader, and a case says what is found.
"""

import pytest
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from framing import close, fragments, items_in_pieces, octets, text, told

from interpreterd.http.websocket.frames import CloseFrame, Item, Message, Ping, Pong

LIMIT_BYTES = 16 << 20  # of the daemon, by default, and the largest message of the suite
Case = tuple[list[bytes], list[Item | int]]  # pieces as they arrive, and what is found
HELLO = frame(TEXT, b"Hello, world!")
HI = Message(b"Hello, world!")
PAIR = [Ping(b"ping")]
NAMED = frame(PING, b"ping")
GREEK = "κ\u1f79σμε".encode()
NOT_UTF8 = GREEK + b"\xed\xa0\x80edited"
TOO_HIGH = GREEK + b"\xf4\x90\x80\x80edited"


def sized(number: str, opcode: int, byte: bytes) -> dict[str, Case]:
    """Return 1.1 or 1.2: messages whose lengths lie at the edges of the three forms; the last in pieces."""
    sizes = [0, 125, 126, 127, 128, 65535, 65536]
    cases: dict[str, Case] = {
        f"{number}.{place}": ([frame(opcode, byte * size)], [Message(byte * size, opcode == TEXT)])
        for place, size in enumerate(sizes, 1)
    }
    data = frame(opcode, byte * 65536)
    return cases | {f"{number}.8": (pieces_of(data, 997), [Message(byte * 65536, opcode == TEXT)])}


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


PINGS: dict[str, Case] = {
    "2.1": ([frame(PING)], [Ping(b"")]),
    "2.2": ([frame(PING, b"Hello, world!")], [Ping(b"Hello, world!")]),
    "2.3": ([frame(PING, b"\0\xff\xfe\xfd\xfc\xfb\0\xff")], [Ping(b"\0\xff\xfe\xfd\xfc\xfb\0\xff")]),
    "2.4": ([frame(PING, b"\xfe" * 125)], [Ping(b"\xfe" * 125)]),
    "2.5": ([frame(PING, b"\xfe" * 126)], [1002]),
    "2.6": (octets(frame(PING, b"\xfe" * 125)), [Ping(b"\xfe" * 125)]),
    "2.7": ([frame(PONG)], [Pong(b"")]),
    "2.8": ([frame(PONG, b"unasked")], [Pong(b"unasked")]),
    "2.9": ([frame(PONG, b"unasked"), NAMED], [Pong(b"unasked"), *PAIR]),
    "2.10": ([frame(PING, b"%d" % number) for number in range(10)], [Ping(b"%d" % number) for number in range(10)]),
    "2.11": (octets(b"".join(frame(PING, b"%d" % n) for n in range(10))), [Ping(b"%d" % n) for n in range(10)]),
}
RESERVED_BITS: dict[str, Case] = {
    "3.1": ([frame(TEXT, b"small", reserved=1)], [1002]),
    "3.2": ([HELLO + frame(TEXT, b"small", reserved=2) + NAMED], [HI, 1002]),
    "3.3": ([HELLO, frame(TEXT, b"small", reserved=3), NAMED], [HI, 1002]),
    "3.4": (octets(HELLO + frame(TEXT, b"small", reserved=4) + NAMED), [HI, 1002]),
    "3.5": ([frame(BINARY, b"\0\xff", reserved=5)], [1002]),
    "3.6": ([frame(PING, b"small", reserved=6)], [1002]),
    "3.7": ([frame(CLOSE, reserved=7)], [1002]),
}
OPCODES: dict[str, Case] = {
    "4.1.1": ([frame(3)], [1002]),
    "4.1.2": ([frame(4, b"reserved")], [1002]),
    "4.1.3": ([HELLO + frame(5) + NAMED], [HI, 1002]),
    "4.1.4": ([HELLO + frame(6, b"reserved") + NAMED], [HI, 1002]),
    "4.1.5": (octets(HELLO + frame(7, b"reserved") + NAMED), [HI, 1002]),
    "4.2.1": ([frame(11)], [1002]),
    "4.2.2": ([frame(12, b"reserved")], [1002]),
    "4.2.3": ([HELLO + frame(13) + NAMED], [HI, 1002]),
    "4.2.4": ([HELLO + frame(14, b"reserved") + NAMED], [HI, 1002]),
    "4.2.5": (octets(HELLO + frame(15, b"reserved") + NAMED), [HI, 1002]),
}
ONE, TWO = frame(TEXT, b"one", fin=False), frame(CONTINUATION, b"two")
BOTH, STRAY = Message(b"onetwo"), frame(CONTINUATION, b"stray", fin=False)
LAST = frame(CONTINUATION, b"stray")
LONG = [frame(TEXT, b"1", fin=False), *(frame(CONTINUATION, b"%d" % part, fin=part == 5) for part in range(2, 6))]
WITH_PINGS = [*LONG[:2], NAMED, *LONG[2:4], NAMED, LONG[4]]
FRAGMENTS: dict[str, Case] = {
    "5.1": ([frame(PING, b"one", fin=False), TWO], [1002]),
    "5.2": ([frame(PONG, b"one", fin=False), TWO], [1002]),
    "5.3": ([ONE + TWO], [BOTH]),
    "5.4": ([ONE, TWO], [BOTH]),
    "5.5": (octets(ONE + TWO), [BOTH]),
    "5.6": ([ONE + NAMED + TWO], [*PAIR, BOTH]),
    "5.7": ([ONE, NAMED, TWO], [*PAIR, BOTH]),
    "5.8": (octets(ONE + NAMED + TWO), [*PAIR, BOTH]),
    "5.9": ([LAST + HELLO], [1002]),
    "5.10": ([LAST, HELLO], [1002]),
    "5.11": (octets(LAST + HELLO), [1002]),
    "5.12": ([STRAY + HELLO], [1002]),
    "5.13": ([STRAY, HELLO], [1002]),
    "5.14": (octets(STRAY + HELLO), [1002]),
    "5.15": ([ONE + TWO + STRAY + HELLO], [BOTH, 1002]),
    "5.16": ([(STRAY + ONE + TWO) * 2], [1002]),
    "5.17": ([(LAST + ONE + TWO) * 2], [1002]),
    "5.18": ([ONE + frame(TEXT, b"two")], [1002]),
    "5.19": (WITH_PINGS, [*PAIR, *PAIR, Message(b"12345")]),
    "5.20": ([b"".join(WITH_PINGS[:3]), *WITH_PINGS[3:]], [*PAIR, *PAIR, Message(b"12345")]),
}
PLAIN = frame(TEXT, TOO_HIGH, mask=b"\0\0\0\0")
MIXED = "Hello-µ@ßöäüàá-UTF-8!!".encode()
TEXTS: dict[str, Case] = {
    "6.1.1": ([frame(TEXT)], [Message(b"")]),
    "6.1.2": ([text(b"", b"", b"")], [Message(b"")]),
    "6.1.3": ([text(b"", b"middle", b"")], [Message(b"middle")]),
    "6.2.1": ([frame(TEXT, MIXED)], [Message(MIXED)]),
    "6.2.2": ([text(MIXED[:14], MIXED[14:])], [Message(MIXED)]),
    "6.2.3": ([text(*octets(MIXED))], [Message(MIXED)]),
    "6.2.4": ([text(*octets(GREEK))], [Message(GREEK)]),
    "6.3.1": ([frame(TEXT, NOT_UTF8)], [1007]),
    "6.3.2": ([text(*octets(NOT_UTF8))], [1007]),
    # The rest of these four never comes: they fail as soon as they cannot become UTF-8.
    "6.4.1": ([frame(TEXT, TOO_HIGH[:11], fin=False), frame(CONTINUATION, TOO_HIGH[11:15], fin=False)], [1007]),
    "6.4.2": ([frame(TEXT, TOO_HIGH[:12], fin=False), frame(CONTINUATION, TOO_HIGH[12:13], fin=False)], [1007]),
    "6.4.3": ([frame(TEXT, TOO_HIGH)[:-6]], [1007]),
    "6.4.4": ([PLAIN[: 6 + 12], PLAIN[6 + 12 : 6 + 13]], [1007]),
}
OPENED: dict[str, Case] = {
    "7.1.1": ([HELLO + close(1000)], [HI, CloseFrame(1000)]),
    "7.1.2": ([close(1000) * 2], [CloseFrame(1000)]),
    "7.1.3": ([close(1000) + NAMED], [CloseFrame(1000)]),
    "7.1.4": ([close(1000) + HELLO], [CloseFrame(1000)]),
    "7.1.5": ([ONE + close(1000) + TWO], [CloseFrame(1000)]),
    "7.1.6": (
        [frame(TEXT, b"x" * (256 << 10)) + HELLO + close(1000) + NAMED],
        [Message(b"x" * (256 << 10)), HI, CloseFrame(1000)],
    ),
    "7.3.1": ([frame(CLOSE)], [CloseFrame()]),
    "7.3.2": ([frame(CLOSE, b"a")], [1002]),
    "7.3.3": ([close(1000)], [CloseFrame(1000)]),
    "7.3.4": ([close(1000, b"Hello World!")], [CloseFrame(1000, "Hello World!")]),
    "7.3.5": ([close(1000, b"*" * 123)], [CloseFrame(1000, "*" * 123)]),
    "7.3.6": ([close(1000, b"*" * 124)], [1002]),
    "7.5.1": ([close(1000, NOT_UTF8)], [1007]),
    **{
        f"7.7.{place}": ([close(code)], [CloseFrame(code)])
        for place, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1)
    },
    **{
        f"7.9.{place}": ([close(code)], [1002])
        for place, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1)
    },
    "7.13.1": ([close(5000)], [1002]),
    "7.13.2": ([close(65535)], [1002]),
}


def large(number: int, size: int, opcode: int, frame_bytes: int, piece_bytes: int) -> Case:
    payload = (b"%d" % number) * (size // len(b"%d" % number))
    data = fragments(opcode, *pieces_of(payload, frame_bytes))
    return pieces_of(data, piece_bytes), [Message(payload, opcode == TEXT)]


MIB = 1 << 20
READ = 256_000  # what the event loop reads at once
LARGE: dict[str, tuple[int, int, int, int, int]] = {
    **{
        f"9.{kind}.{place}": (place, size, opcode, size, READ)
        for kind, opcode in ((1, TEXT), (2, BINARY))
        for place, size in enumerate((64 << 10, 256 << 10, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1)
    },
    **{
        f"9.{kind}.{place}": (place, 4 * MIB, opcode, size, READ)
        for kind, opcode in ((3, TEXT), (4, BINARY))
        for place, size in enumerate((64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MIB, 4 * MIB), 1)
    },
    **{
        f"9.{kind}.{place}": (place, MIB, opcode, MIB, size)
        for kind, opcode in ((5, TEXT), (6, BINARY))
        for place, size in enumerate((64, 128, 256, 512, 1024, 2048), 1)
    },
    "10.1.1": (1, 65536, TEXT, 1300, READ),
}
SMALL = (0, 16, 64, 256, 1024, 4096)  # 9.7 and 9.8: a thousand messages of each size
CASES = (
    sized("1.1", TEXT, b"*")
    | sized("1.2", BINARY, b"\xfe")
    | PINGS
    | RESERVED_BITS
    | OPCODES
    | FRAGMENTS
    | TEXTS
    | OPENED
)


@pytest.mark.parametrize(("pieces", "found"), CASES.values(), ids=CASES)
def test_a_case(pieces: list[bytes], found: list[Item | int]) -> None:
    assert told(items_in_pieces(pieces, LIMIT_BYTES)) == found


@pytest.mark.parametrize(("number", "size", "opcode", "frame_bytes", "piece_bytes"), LARGE.values(), ids=LARGE)
def test_a_large_case(number: int, size: int, opcode: int, frame_bytes: int, piece_bytes: int) -> None:
    pieces, found = large(number, size, opcode, frame_bytes, piece_bytes)
    assert items_in_pieces(pieces, LIMIT_BYTES) == found


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["9.7", "9.8"])
@pytest.mark.parametrize("size", SMALL)
def test_a_thousand_messages(opcode: int, size: int) -> None:
    message = Message(b"*" * size, opcode == TEXT)
    assert items_in_pieces([frame(opcode, b"*" * size)] * 1000, LIMIT_BYTES) == [message] * 1000
