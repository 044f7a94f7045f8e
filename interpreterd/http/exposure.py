"""Whether other machines can reach the addresses that the daemon is to listen on. Without tokens, none may."""

import ipaddress
import socket

from interpreterd.http.settings import HttpSettings
from interpreterd.setting_kinds import SettingError


def check_private(settings: HttpSettings) -> None:
    """Raise ``SettingError`` for the first address that other machines reach."""
    for name, host in settings.hosts():
        if is_exposed(host):
            raise SettingError(
                name,
                f"other machines can reach {host or 'all addresses'}, and all that reach the daemon can run code: "
                "give --token-file or INTERPRETERD_TOKEN, or --insecure-bind if something else keeps strangers out",
            )


def is_exposed(host: str) -> bool:
    """Return whether other machines can reach ``host``: a name or an address; an empty one means all addresses.

    A name that is not known is not exposed: nothing can listen there.
    """
    if not host:
        return True
    try:
        return not _is_loopback(host)
    except ValueError:
        pass
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return not all(_is_loopback(str(it[4][0]).partition("%")[0]) for it in found)


def _is_loopback(address: str) -> bool:
    """Raises ValueError for a name."""
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return parsed.is_loopback or (mapped is not None and mapped.is_loopback)
