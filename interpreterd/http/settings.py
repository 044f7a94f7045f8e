"""The settings of HTTP: addresses, allowed origins and hosts, and limits of size and time for clients."""

import os
from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from interpreterd.setting_kinds import (
    MIB,
    SECONDS_LIMIT,
    SettingError,
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


def joined_address(host: str, port: int) -> str:
    """Return ``HOST:PORT``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in ``text``: each ``HOST:PORT`` or ``unix:PATH``. Port 0 would be a port to be guessed."""
    return tuple(_address(word, 1) for word in words(text))


def _any_addresses(text: str) -> tuple[str, ...]:
    return tuple(_address(word, 0) for word in words(text))


def _address(text: str, least_port: int) -> str:
    if text.startswith(UNIX) and text != UNIX:
        return UNIX + _socket_path(text.removeprefix(UNIX))
    host, _, port = text.rpartition(":")
    in_brackets = host.startswith("[") and host.endswith("]")
    is_port = port.isascii() and port.isdigit() and len(port) < 6 and least_port <= int(port) <= 65535
    if not host.strip("[]") or (":" in host and not in_brackets) or not is_port:
        raise ValueError(f"must be HOST:PORT, with a port from {least_port} to 65535, or unix:PATH")
    return f"{host}:{int(port)}"


def _proxies(text: str) -> tuple[str, ...]:
    import ipaddress  # which most daemons do not need before they listen

    for word in (proxies := words(text)):
        try:
            ipaddress.ip_network("0.0.0.0" if word == "unix" else word)
        except ValueError:
            raise ValueError("must be IP addresses, networks such as 10.0.0.0/8, or unix") from None
    return proxies


def _file(text: str) -> str:
    return absolute(text) if text else ""


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
    listen: tuple[str, ...] = setting(
        (),
        "comma-separated addresses to listen on, each HOST:PORT or unix:PATH, in place of the default host and port or "
        "besides given ones; may be repeated",
        parse=_any_addresses,
        repeats=True,
    )
    tls_cert: str = setting("", "PEM file with the daemon's certificate: ports then speak TLS alone", parse=_file)
    tls_key: str = setting("", "PEM file with the private key of --tls-cert (default: it is in that file)", parse=_file)
    tls_client_ca: str = setting(
        "", "PEM file with authorities: clients at ports must then have a certificate of one of them", parse=_file
    )
    trusted_proxy: tuple[str, ...] = setting(
        (),
        "comma-separated addresses or networks of proxies that name the client, by Forwarded, by X-Forwarded-For or by "
        "the PROXY protocol; unix means every unix socket",
        parse=_proxies,
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
    given: frozenset[str] = field(default=frozenset())  # the names of the settings that do not have their defaults

    def addresses(self, *, others: bool = False) -> tuple[str, ...]:
        """Return where to listen, the main address first; ``others`` says that there are passed sockets, too."""
        main = () if self.has_alternatives(others=others) else (self.main,)
        return (*main, *self.listen, *self.also_listen)

    def has_alternatives(self, *, others: bool = False) -> bool:
        """Return whether the default host and port are not meant: others are given, and these are not."""
        return bool(self.listen or others) and not self.given & {"host", "port", "unix_socket"}

    @property
    def main(self) -> str:
        """The address that ``unix_socket``, or ``host`` and ``port``, give."""
        return UNIX + self.unix_socket if self.unix_socket else joined_address(self.host, self.port)

    def check(self) -> None:
        """See ``Settings.check``."""
        if not self.tls_cert:
            for name in ("tls_key", "tls_client_ca"):
                if getattr(self, name):
                    raise SettingError(name, "needs --tls-cert as well")
            return
        from interpreterd.http.tls import server_context  # imports ssl, which few daemons need

        server_context(self)

    @property
    def ports(self) -> frozenset[int]:
        """The ports of TCP to listen on; without one that the system is to choose."""
        return frozenset(split_address(it)[1] for it in self.addresses() if not it.startswith(UNIX)) - {0}

    def hosts(self) -> Iterator[tuple[str, str]]:
        """Yield each host that the daemon is to listen on, after the name of its setting."""
        for address in self.addresses():
            if not address.startswith(UNIX):
                names = [name for name in ("listen", "also_listen") if address in getattr(self, name)]
                yield (*names, "host")[0], split_address(address)[0]
