"""Isolation in the JSON of the native API."""

from typing import Any

import pytest

from interpreterd.dialects.native.isolation import isolation_body, parse_isolation, possible_body
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.isolation import OPEN, Isolation, IsolationInfo, IsolationRequest, Possible


def test_a_name_is_a_profile() -> None:
    assert parse_isolation({"isolation": "strict"}) == IsolationRequest(profile="strict")
    assert parse_isolation({"isolation": None}) == parse_isolation({}) == IsolationRequest()


def test_an_object_says_more() -> None:
    given = {"profile": "standard", "network": "ports", "ports": [443.0, 8443], "readPaths": ["/a/"], "writePaths": []}
    assert parse_isolation({"isolation": given}) == IsolationRequest(
        profile="standard", network="ports", ports=(443, 8443), read_paths=("/a",), write_paths=()
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (7, "isolation must be the name of a profile, or an object"),
        ([], "isolation must be the name of a profile, or an object"),
        ("", "isolation.profile must be one of off, standard, strict"),
        ("loose", "isolation.profile must be one of off, standard, strict"),
        ({"profile": []}, "isolation.profile must be one of off, standard, strict"),
        ({"network": "some"}, "isolation.network must be one of host, ports, none"),
        ({"ports": 443}, "isolation.ports must be a list of whole numbers"),
        ({"ports": [True]}, "isolation.ports must be a list of whole numbers"),
        ({"ports": [0]}, "isolation.ports must be at most 64 numbers from 1 to 65535"),
        ({"readPaths": "/a"}, "isolation.readPaths must be a list of strings"),
        ({"writePaths": ["a"]}, "isolation.writePaths must be absolute paths of at most 4096 bytes, without NUL"),
        (
            {"read": ["/a"]},
            "isolation must have no keys but profile, network, ports, readPaths, writePaths, unlike read",
        ),
    ],
)
def test_anything_else_is_refused(given: Any, sentence: str) -> None:
    with pytest.raises((InvalidRequest, MalformedRequest)) as caught:
        parse_isolation({"isolation": given})
    assert str(caught.value) == sentence


def test_a_context_shows_its_layers() -> None:
    assert isolation_body(OPEN) == {"profile": "off", "layers": []}
    standard = Isolation(profile="standard", network="ports", ports=(443,), read_paths=("/a",))
    assert isolation_body(IsolationInfo(isolation=standard, layers=("landlock:7", "seccomp"))) == {
        "profile": "standard",
        "layers": ["landlock:7", "seccomp"],
        "network": "ports",
        "ports": [443],
        "readPaths": ["/a"],
        "writePaths": [],
    }


def test_what_a_machine_can_do() -> None:
    missing: dict[str, tuple[str, ...]] = {"off": (), "standard": (), "strict": ("net-namespace needs a newer kernel",)}
    assert possible_body(Possible(usual="standard", abilities=("landlock:7",), missing=missing)) == {
        "profile": "standard",
        "profiles": ["off", "standard"],
        "layers": ["landlock:7"],
        "missing": {"strict": ["net-namespace needs a newer kernel"]},
    }
