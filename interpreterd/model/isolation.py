"""What a context's code may reach: profiles, and how a context's request tightens the daemon's isolation."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from attrs import frozen

from interpreterd.model.digest import utf8_bytes
from interpreterd.model.errors import InvalidRequest, WorkerStartFailed

OFF: Final = "off"
STANDARD: Final = "standard"
STRICT: Final = "strict"
PROFILES: Final = (OFF, STANDARD, STRICT)
"""Each is tighter than the one before."""
HOST: Final = "host"
SOME_PORTS: Final = "ports"
NO_NETWORK: Final = "none"
NETWORKS: Final = (HOST, SOME_PORTS, NO_NETWORK)
"""What code may connect to: as in ``PROFILES``, each is tighter than the one before."""
PORTS: Final = (443, 80)
PORTS_LIMIT: Final = 64
PATHS_LIMIT: Final = 64
EXTRA_PATH_LIMIT_BYTES: Final = 4096  # PATH_MAX, limits.h
_USUAL: Final = {OFF: HOST, STANDARD: SOME_PORTS, STRICT: NO_NETWORK}


class IsolationUnavailable(WorkerStartFailed):
    """The isolation that was asked for cannot be had on this machine in full; says what is missing, and what helps."""

    code = "isolation_unavailable"


@frozen(kw_only=True)
class Isolation:
    """What the code of a context may reach.

    Attributes:
        profile: One of ``PROFILES``.
        network: One of ``NETWORKS``; ``host`` with the profile ``off``.
        ports: Of TCP, to which code may connect if the network is ``ports``.
        read_paths: Absolute paths that code may read, too.
        write_paths: Absolute paths that code may read and write, too.
    """

    profile: str = OFF
    network: str = HOST
    ports: tuple[int, ...] = PORTS
    read_paths: tuple[str, ...] = ()
    write_paths: tuple[str, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether code is kept from anything."""
        return self.profile != OFF


NO_ISOLATION: Final = Isolation()


@frozen(kw_only=True)
class IsolationRequest:
    """A client's request about isolation; None for what it leaves to the daemon. The fields are those of Isolation."""

    profile: str | None = None
    network: str | None = None
    ports: tuple[int, ...] | None = None
    read_paths: tuple[str, ...] | None = None
    write_paths: tuple[str, ...] | None = None


NO_ISOLATION_REQUEST: Final = IsolationRequest()


@frozen(kw_only=True)
class IsolationInfo:
    """The isolation of a context, as it is.

    Attributes:
        layers: What keeps its code from the rest, for example ``landlock:7``; the order has no meaning.
    """

    isolation: Isolation = NO_ISOLATION
    layers: tuple[str, ...] = ()


OPEN: Final = IsolationInfo()


@frozen(kw_only=True)
class Possible:
    """Which isolation this machine can give.

    Attributes:
        usual: The profile of contexts that ask for none.
        abilities: The layers that the machine has, for example ``landlock:7``.
        missing: By profile, what is missing for it and what would help; nothing if it can be had in full.
    """

    usual: str = OFF
    abilities: tuple[str, ...] = ()
    missing: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def usual_network(profile: str) -> str:
    """Return the network of a profile, unless something else is asked for."""
    return _USUAL[profile]


def tightened(ours: Isolation, asked: IsolationRequest) -> Isolation:
    """Return the daemon's isolation, tightened by a request; raise ``InvalidRequest`` for a looser one.

    If the daemon's profile is ``off``, its other values are defaults, and no bounds.
    """
    profile = _chosen("isolation.profile", PROFILES, ours.profile, asked.profile)
    if profile == OFF:
        for name in ("network", "ports", "readPaths", "writePaths"):
            if getattr(asked, _FIELDS[name]) is not None:
                raise InvalidRequest(f"isolation.{name} must come with the profile {STANDARD} or {STRICT}")
        return ours
    network = asked.network
    if network is None:
        network = max(usual_network(profile), ours.network, key=NETWORKS.index)
    elif ours.is_on:
        network = _chosen("isolation.network", NETWORKS, ours.network, network)
    ports = ours.ports if asked.ports is None else asked.ports
    if asked.ports is not None:
        if network != SOME_PORTS:
            raise InvalidRequest(f"isolation.ports must come with the network {SOME_PORTS}, and not with {network}")
        if ours.is_on and ours.network == SOME_PORTS and (more := set(ports) - set(ours.ports)):
            raise InvalidRequest(f"isolation.ports must be among those of the daemon, and not {min(more)}")
    return Isolation(
        profile=profile,
        network=network,
        ports=ports,
        read_paths=_within("readPaths", ours, ours.read_paths + ours.write_paths, ours.read_paths, asked.read_paths),
        write_paths=_within("writePaths", ours, ours.write_paths, ours.write_paths, asked.write_paths),
    )


_FIELDS: Final = {"network": "network", "ports": "ports", "readPaths": "read_paths", "writePaths": "write_paths"}


def check_paths(what: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Return absolute ``paths``, without ``.`` and ``..``; ``what`` names them in an ``InvalidRequest``."""
    if len(paths) > PATHS_LIMIT:
        raise InvalidRequest(f"{what} must be at most {PATHS_LIMIT} paths")
    for path in paths:
        if not path.startswith("/") or "\0" in path or utf8_bytes(path) > EXTRA_PATH_LIMIT_BYTES:
            raise InvalidRequest(
                f"{what} must be absolute paths of at most {EXTRA_PATH_LIMIT_BYTES} bytes, without NUL"
            )
    return tuple(dict.fromkeys(posixpath.normpath("/" + path.lstrip("/")) for path in paths))


def check_ports(what: str, ports: Sequence[int]) -> tuple[int, ...]:
    """Return ``ports`` of TCP; ``what`` names them in an ``InvalidRequest``."""
    if len(ports) > PORTS_LIMIT or not all(1 <= port <= 65535 for port in ports):
        raise InvalidRequest(f"{what} must be at most {PORTS_LIMIT} numbers from 1 to 65535")
    return tuple(dict.fromkeys(ports))


def is_below(path: str, directories: Iterable[str]) -> bool:
    """Return whether ``path`` is one of ``directories``, or below one; both without links, ``.`` and ``..``."""
    return any(path == it or path.startswith(it.rstrip("/") + "/") for it in directories)


def _chosen(what: str, order: tuple[str, ...], ours: str, asked: str | None) -> str:
    if asked is None:
        return ours
    if order.index(asked) < order.index(ours):
        allowed = " or ".join(order[order.index(ours) :])
        raise InvalidRequest(f"{what} must be {allowed}: the daemon's is {ours}")
    return asked


def _within(
    name: str, ours: Isolation, bounds: tuple[str, ...], usual: tuple[str, ...], asked: tuple[str, ...] | None
) -> tuple[str, ...]:
    if asked is None:
        return usual
    for path in asked if ours.is_on else ():
        if not is_below(path, bounds):
            raise InvalidRequest(f"isolation.{name} must lie below paths that the daemon allows, unlike {path}")
    return asked
