"""How the daemon closes a WebSocket: the standard close codes, and a reason that fits into a close frame."""

from typing import Final

from attrs import frozen

# RFC 6455, section 7.4.1; codes from 4000 on are the application's own.
OK, GOING_AWAY, PROTOCOL_ERROR, INVALID_TEXT = 1000, 1001, 1002, 1007
POLICY_VIOLATION, MESSAGE_TOO_BIG, INTERNAL_ERROR = 1008, 1009, 1011
TRY_AGAIN_LATER: Final = 1013  # www.iana.org/assignments/websocket
REASON_LIMIT_BYTES: Final = 123  # RFC 6455, section 5.5: a control frame holds 125 bytes, two of them the code


@frozen
class Closing:
    """A close frame.

    Attributes:
        reason: At most ``REASON_LIMIT_BYTES`` of UTF-8; see ``close_reason``.
    """

    code: int = OK
    reason: bytes = b""


NORMAL: Final = Closing()


def close_reason(text: str) -> bytes:
    """Return ``text`` as the reason of a close frame, cut to its limit but not within a character."""
    return text.encode()[:REASON_LIMIT_BYTES].decode(errors="ignore").encode()
