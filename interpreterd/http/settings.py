"""The settings of HTTP: addresses, allowed origins and hosts, and limits of size and time for clients."""

import os
from collections.abc import Iterator
from typing import Final, NoReturn

from attrs import frozen

from interpreterd.setting_kinds import (
    MIB,
    SECONDS_LIMIT,
    absolute,
    at_least,
    byte_size,
    count,
    duration,
    number,
    patience,
    setting,
    whole,
    words,
)

UNIX: Final = "unix:"
PRIVATE_HOSTS: Final = ("127.0.0.1", "::1", "localhost")
"""The usual hosts that no other machine reaches; ``exposure`` knows the others."""
SOCKET_PATH_LIMIT_BYTES: Final = 107  # unix(7): sun_path, without its NUL


def _port(text: str) -> int:
    if not 0 <= (port := whole(text)) <= 65535:
        raise ValueError("must be a port from 0 to 65535")
    return port


def _base_path(text: str) -> str:
    path = text.strip("/")
    return f"/{path}" if path else ""


def _socket_path(text: str) -> str:
    path = absolute(text) if text else ""
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT_BYTES:
        raise ValueError(f"must be a path of at most {SOCKET_PATH_LIMIT_BYTES} bytes")
    return path


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, without the brackets of an IPv6 address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in ``text``: each ``HOST:PORT`` or ``unix:PATH``."""
    return tuple(_address(word) for word in words(text))


def _address(text: str) -> str:
    if text.startswith(UNIX):
        return UNIX + _socket_path(text.removeprefix(UNIX)) if text != UNIX else _refuse_address()
    host, _, port = text.rpartition(":")
    in_brackets = host.startswith("[") and host.endswith("]")
    if not host.strip("[]") or (":" in host and not in_brackets) or not port.isascii() or not port.isdigit():
        _refuse_address()
    if not 1 <= int(port) <= 65535:
        _refuse_address()
    return f"{host}:{int(port)}"


def _refuse_address() -> NoReturn:
    raise ValueError("must be HOST:PORT, with a port from 1 to 65535, or unix:PATH")


@frozen(kw_only=True, eq=False, repr=False)
class HttpSettings:
    """The settings of connections and requests. Times in seconds, sizes in bytes."""

    host: str = setting("127.0.0.1", "address to listen on")
    port: int = setting(3987, "port to listen on; 0 picks a free one", parse=_port)
    unix_socket: str = setting(
        "", "path of a unix socket to listen on, for this user only, instead of host and port", parse=_socket_path
    )
    also_listen: tuple[str, ...] = setting(
        (),
        "comma-separated addresses to listen on as well, for clients that insist on a port: each is HOST:PORT or "
        "unix:PATH; may be repeated",
        parse=addresses,
        repeats=True,
    )
    base_path: str = setting(
        "", "path below which the API is served as well, for a proxy that does not strip it", parse=_base_path
    )
    allow_origin: tuple[str, ...] = setting(
        (), "comma-separated origins of web pages that may use the daemon, besides its own; * allows all", parse=words
    )
    allow_host: tuple[str, ...] = setting(
        (), "comma-separated Host names to accept, besides loopback and the bound address; * allows all", parse=words
    )
    body_limit_bytes: int = setting(
        16 * MIB, "size limit of a request body and of a WebSocket message", parse=byte_size
    )
    max_connections: int = setting(
        8192,
        "limit of open connections, and at most half of the open files that the system allows; one more closes the "
        "connection that has been silent longest, or is refused if all are busy",
        parse=count,
    )
    keep_alive_s: float = setting(
        60.0, "seconds that a connection stays open after an answer, for the next request", parse=patience
    )
    head_timeout_s: float = setting(
        10.0, "seconds that a client may take to send the head of a request", parse=patience
    )
    body_timeout_s: float = setting(
        30.0,
        "seconds that a client may pause within the body of a request; the whole body may take ten times as long",
        parse=patience,
    )
    first_message_timeout_s: float = setting(
        10.0, "seconds that a WebSocket client may take to send its first message", parse=duration
    )
    heartbeat_s: float = setting(
        60.0,
        "seconds after which a client that takes no data, or answers no WebSocket ping, counts as disconnected",
        parse=at_least(1, number, most=SECONDS_LIMIT),
    )

    @property
    def ports(self) -> frozenset[int]:
        """The ports of TCP to listen on; without one that the system is to choose."""
        first = () if self.unix_socket or not self.port else (self.port,)
        others = (split_address(it)[1] for it in self.also_listen if not it.startswith(UNIX))
        return frozenset((*first, *others))

    def hosts(self) -> Iterator[tuple[str, str]]:
        """Yield each host that the daemon is to listen on, after the name of its setting."""
        if not self.unix_socket:
            yield "host", self.host
        for address in self.also_listen:
            if not address.startswith(UNIX):
                yield "also_listen", split_address(address)[0]
