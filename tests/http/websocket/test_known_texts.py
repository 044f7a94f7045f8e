"""The cases 6.5 to 6.23 of the Autobahn test suite, by their numbers: texts that are UTF-8, and texts that are not."""

import pytest
from frames import TEXT, frame
from framing import items_in_pieces, octets, text, told

from interpreterd.http.websocket.frames import Message

GREEK = "κ\u1f79σμε".encode()
WHOLE = (2, 5, 7, 9, 11)  # lengths of its prefixes that end with a character
LEADS = ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))  # bytes that begin 2 to 6
CUT = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf"
HIGHS, LOWS = ("\ud800", "\udb7f", "\udb80", "\udbff"), ("\udc00", "\udfff")


def numbered(number: str, *texts: bytes) -> dict[str, bytes]:
    return {f"{number}.{place}": data for place, data in enumerate(texts, 1)}


def utf8(number: str, *characters: str) -> dict[str, bytes]:
    return numbered(number, *(each.encode(errors="surrogatepass") for each in characters))


def octal(number: str, sequences: str) -> dict[str, bytes]:
    return numbered(number, *map(bytes.fromhex, sequences.split()))


VALID = (
    utf8("6.5", "hello$world", "hello¢world", "hello€world", "hello\U00024b62world", "κ\u1f79σμε")
    | {f"6.6.{size}": GREEK[:size] for size in WHOLE}
    | utf8("6.7", "\0", "\x80", "\u0800", "\U00010000")
    | utf8("6.9", "\x7f", "\u07ff", "\uffff", "\U0010ffff")
    | utf8("6.11", "\ud7ff", "\ue000", "\ufffd", "\U0010ffff")
    | utf8("6.22", *(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)))
    | utf8("6.23", *map(chr, range(0xFFF9, 0x10000)))
)
INVALID = (
    {f"6.6.{size}": GREEK[:size] for size in range(1, 11) if size not in WHOLE}
    | octal("6.8", "f888808080 fc8480808080")
    | octal("6.10", "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf")
    | {"6.11.5": b"\xf4\x90\x80\x80"}
    | octal("6.12", "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf")
    | {"6.12.8": bytes(range(0x80, 0xBF))}
    | numbered("6.13", *(b"".join(b"%c " % lead for lead in range(first, last)) for first, last in LEADS))
    | octal("6.14", CUT)
    | {"6.15.1": bytes.fromhex(CUT)}
    | octal("6.16", "fe ff fefeffff")
    | octal("6.17", "c0af e080af f08080af f8808080af fc80808080af")
    | octal("6.18", "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf")
    | octal("6.19", "c080 e08080 f0808080 f880808080 fc8080808080")
    | utf8("6.20", *HIGHS, "\udc00", "\udf80", "\udfff")
    | utf8("6.21", *(high + low for high in HIGHS for low in LOWS))
)


@pytest.mark.parametrize("data", VALID.values(), ids=VALID)
def test_a_text_that_is_utf8(data: bytes) -> None:
    for stream in (frame(TEXT, data), text(*octets(data))):
        assert items_in_pieces([stream]) == items_in_pieces(octets(stream)) == [Message(data)]


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID)
def test_a_text_that_is_not_utf8(data: bytes) -> None:
    for stream in (frame(TEXT, data), text(*octets(data)), frame(TEXT, b"ASCII" + data), text(data, b"ASCII")):
        assert told(items_in_pieces([stream])) == told(items_in_pieces(octets(stream))) == [1007]
