"""The upgrade of a request to a WebSocket: RFC 6455, section 4.2. aiohttp has parsed it, and middlewares passed it."""

import base64
import binascii
import hashlib
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from interpreterd.http.incoming import IncomingConnection
from interpreterd.http.keys import SETTINGS
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.model.caller import CALLER
from interpreterd.model.errors import MalformedRequest, UpgradeRequired

UPGRADED: Final = web.Response(status=101)
"""What the handler of a route returns after ``open_socket``: nothing more is written."""
OWN_SUBPROTOCOL: Final = "interpreterd"
TOKEN_SUBPROTOCOL: Final = "bearer."
"""The beginning of a subprotocol whose rest is a token: browsers let pages send no header for that."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_KEY_BYTES: Final = 16


def open_socket(request: web.Request, *, subprotocol: str | None = None) -> WebSocket:
    """Answer 101, and return the connection; its ``leave`` has to be the last that a route calls.

    The first subprotocol that the client offers, and that begins with ``subprotocol``, is agreed on; otherwise
    ``interpreterd``, or one that carries a token, if it is offered. No extension is agreed on.

    Raises:
        UpgradeRequired: The request does not ask for a WebSocket of version 13.
        MalformedRequest: A header has an impossible value.
        ConnectionResetError: The client has gone.
    """
    headers = request.headers
    for name in (hdrs.UPGRADE, hdrs.SEC_WEBSOCKET_KEY, hdrs.SEC_WEBSOCKET_PROTOCOL):
        if not headers.get(name, "").isascii():
            raise MalformedRequest(f"{name} must be ASCII")
    before = request.protocol
    if (
        headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket"
        or headers.get(hdrs.SEC_WEBSOCKET_VERSION) != "13"
        or request.version < HttpVersion11
        or not (isinstance(before, IncomingConnection) and before.is_upgraded)
    ):
        raise UpgradeRequired
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + _accept(headers.getall(hdrs.SEC_WEBSOCKET_KEY, []))
        + b"\r\n"
    )
    if (chosen := _choose(headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []), subprotocol)) is not None:
        answer += b"Sec-WebSocket-Protocol: " + chosen + b"\r\n"
    if (caller := CALLER.get()) is not None:
        answer += b"X-Request-Id: " + caller.request_id.encode() + b"\r\n"
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    transport.write(answer + b"\r\n")
    socket = WebSocket(before, transport, request.app[SETTINGS])
    if early := before.hand_over(socket):
        socket.data_received(early)
    return socket


def _accept(keys: list[str]) -> bytes:
    """Return the proof that the key was read."""
    try:
        (key,) = (key.strip().encode("ascii") for key in keys)
        if len(base64.b64decode(key, validate=True)) != _KEY_BYTES:
            raise ValueError
    except (ValueError, binascii.Error):
        raise MalformedRequest(f"Sec-WebSocket-Key must be one header of {_KEY_BYTES} bytes in base64") from None
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _choose(offers: list[str], subprotocol: str | None) -> bytes | None:
    """Return the subprotocol to agree on, or None.

    A browser that has offered some ends the connection if none of them is agreed on. A page that offers
    ``interpreterd`` besides its token gets an answer without the token.
    """
    if not offers:
        return None
    names = [name for offer in ",".join(offers).split(",") if (name := offer.strip()).isascii()]
    for beginning in (subprotocol, OWN_SUBPROTOCOL, TOKEN_SUBPROTOCOL):
        for name in names:
            if beginning is not None and name.startswith(beginning):
                return name.encode()
    return None
