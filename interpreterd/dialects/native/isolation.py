"""The isolation of a context in this API's JSON: requests and answers."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from interpreterd.http.fields import as_whole
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.isolation import (
    NETWORKS,
    NO_ISOLATION_REQUEST,
    PROFILES,
    SOME_PORTS,
    IsolationInfo,
    IsolationRequest,
    Possible,
    check_paths,
    check_ports,
)

ISOLATION_KEY: Final = "isolation"
ISOLATION_KEYS: Final = ("profile", "network", "ports", "readPaths", "writePaths")


def parse_isolation(body: dict[str, object]) -> IsolationRequest:
    """Return the isolation that a client's JSON asks for: the name of a profile, or an object.

    Unlike other objects, it may have no unknown keys: a misspelt one would leave open what the client wants closed.
    """
    given = body.get(ISOLATION_KEY)
    if given is None:
        return NO_ISOLATION_REQUEST
    if isinstance(given, str):
        given = {"profile": given}
    if not isinstance(given, dict):
        raise MalformedRequest(f"{ISOLATION_KEY} must be the name of a profile, or an object")
    if unknown := [str(key) for key in given if key not in ISOLATION_KEYS]:
        raise InvalidRequest(
            f"{ISOLATION_KEY} must have no keys but {', '.join(ISOLATION_KEYS)}, unlike {unknown[0][:40]}"
        )
    return IsolationRequest(
        profile=_one_of(given, "profile", PROFILES),
        network=_one_of(given, "network", NETWORKS),
        ports=_ports(given),
        read_paths=_paths(given, "readPaths"),
        write_paths=_paths(given, "writePaths"),
    )


@functools.lru_cache(maxsize=64)  # a thousand listed contexts mostly have the same
def isolation_body(info: IsolationInfo) -> Mapping[str, Any]:
    """Return the isolation of a context. The result must not be changed."""
    isolation = info.isolation
    body: dict[str, Any] = {"profile": isolation.profile, "layers": list(info.layers)}
    if isolation.is_on:
        body["network"] = isolation.network
        if isolation.network == SOME_PORTS:
            body["ports"] = list(isolation.ports)
        body["readPaths"] = list(isolation.read_paths)
        body["writePaths"] = list(isolation.write_paths)
    return body


def possible_body(possible: Possible) -> dict[str, Any]:
    """Return which isolation a machine can give."""
    profiles = [profile for profile in PROFILES if not possible.missing.get(profile)]
    return {
        "profile": possible.usual,
        "profiles": profiles,
        "layers": list(possible.abilities),
        "missing": {profile: list(lacks) for profile, lacks in possible.missing.items() if lacks},
    }


def _one_of(given: dict[str, object], key: str, choices: tuple[str, ...]) -> str | None:
    value = given.get(key)
    if value is not None and (not isinstance(value, str) or value not in choices):
        raise InvalidRequest(f"{ISOLATION_KEY}.{key} must be one of {', '.join(choices)}")
    return value


def _ports(given: dict[str, object]) -> tuple[int, ...] | None:
    value = given.get("ports")
    if value is None:
        return None
    numbers = [as_whole(port) for port in value] if isinstance(value, list) else [None]
    ports = [number for number in numbers if number is not None]
    if len(ports) != len(numbers):
        raise MalformedRequest(f"{ISOLATION_KEY}.ports must be a list of whole numbers")
    return check_ports(f"{ISOLATION_KEY}.ports", ports)


def _paths(given: dict[str, object], key: str) -> tuple[str, ...] | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise MalformedRequest(f"{ISOLATION_KEY}.{key} must be a list of strings")
    return check_paths(f"{ISOLATION_KEY}.{key}", value)
