"""The PROXY protocol, versions 1 and 2: the first bytes of a connection, in which a proxy names the client.

Source: haproxy.org/download/2.9/doc/proxy-protocol.txt. A pure parser: total, for any bytes.
"""

import ipaddress
import struct
from typing import Final, Literal

from attrs import frozen

V2_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"  # of version 2
V1_BEGIN: Final = b"PROXY "
V1_LIMIT_BYTES: Final = 107  # with its CRLF
V2_HEAD_BYTES: Final = 16
V2_LIMIT_BYTES: Final = V2_HEAD_BYTES + 2048  # addresses, and the values that proxies add to them


class ProxyHeaderError(ValueError):
    """It begins like a header of the PROXY protocol, and is none."""


@frozen
class ProxyHeader:
    """A whole header.

    Attributes:
        size: Its bytes; what follows is of the client.
        client: The address of the client; None if the proxy does not say one, or connects for itself.
    """

    size: int
    client: str | None


def parse_header(data: bytes) -> ProxyHeader | Literal["more", "none"]:
    """Return the header at the beginning of ``data``: ``more`` if its end is missing, ``none`` if there is none.

    Raises:
        ProxyHeaderError: Of ``more`` than a header may have, too.
    """
    if data.startswith(V1_BEGIN):
        return _version_1(data)
    if data.startswith(V2_SIGNATURE):
        return _version_2(data)
    return "more" if V1_BEGIN.startswith(data) or V2_SIGNATURE.startswith(data) else "none"


def _version_1(data: bytes) -> ProxyHeader | Literal["more"]:
    end = data.find(b"\r\n", 0, V1_LIMIT_BYTES)
    if end < 0:
        if len(data) >= V1_LIMIT_BYTES:
            raise ProxyHeaderError("a PROXY line is too long")
        return "more"
    line = data[:end].decode("ascii", "replace").split(" ")
    size = end + 2
    if line[1] == "UNKNOWN":
        return ProxyHeader(size, None)
    try:
        _, kind, source, target, *ports = line
        version = {"TCP4": 4, "TCP6": 6}[kind]
        client = ipaddress.ip_address(source)
        fits = client.version == ipaddress.ip_address(target).version == version
        if not fits or len(ports) != 2 or not all(it.isdecimal() and int(it) < 65536 for it in ports):
            raise ValueError
    except (ValueError, KeyError):
        raise ProxyHeaderError("a PROXY line is not valid") from None
    return ProxyHeader(size, str(client))


def _version_2(data: bytes) -> ProxyHeader | Literal["more"]:
    if len(data) < V2_HEAD_BYTES:
        return "more"
    command, family, rest = struct.unpack_from("!BBH", data, len(V2_SIGNATURE))
    size = V2_HEAD_BYTES + rest
    if command not in (0x20, 0x21) or size > V2_LIMIT_BYTES:
        raise ProxyHeaderError("a header of the PROXY protocol is not valid")
    if len(data) < size:
        return "more"
    length = {0x11: 4, 0x21: 16}.get(family)  # TCP over IPv4, IPv6
    if command == 0x20 or length is None:  # LOCAL; a family without an address that is one here
        return ProxyHeader(size, None)
    if rest < 2 * length + 4:
        raise ProxyHeaderError("a header of the PROXY protocol is too short")
    return ProxyHeader(size, str(ipaddress.ip_address(data[V2_HEAD_BYTES : V2_HEAD_BYTES + length])))
