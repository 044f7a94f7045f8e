"""Isolation: a request tightens what the daemon has set, and never loosens it."""

import pytest

from interpreterd.model.errors import InvalidRequest
from interpreterd.model.isolation import (
    NO_ISOLATION,
    PROFILES,
    Isolation,
    IsolationRequest,
    check_paths,
    check_ports,
    is_below,
    tightened,
    usual_network,
)

STANDARD = Isolation(
    profile="standard", network="ports", ports=(443, 80), read_paths=("/data",), write_paths=("/scratch",)
)


def test_without_a_request_a_context_has_what_the_daemon_has() -> None:
    for ours in (NO_ISOLATION, STANDARD):
        assert tightened(ours, IsolationRequest()) == ours


@pytest.mark.parametrize("profile", PROFILES[1:])
def test_a_profile_brings_its_own_network(profile: str) -> None:
    assert tightened(NO_ISOLATION, IsolationRequest(profile=profile)).network == usual_network(profile)
    assert tightened(STANDARD, IsolationRequest(profile="strict")).network == "none"


def test_what_is_tighter_is_taken() -> None:
    asked = IsolationRequest(profile="strict", network="ports", ports=(443,), read_paths=("/data/a", "/scratch"))
    assert tightened(STANDARD, asked) == Isolation(
        profile="strict",
        network="ports",
        ports=(443,),
        read_paths=("/data/a", "/scratch"),
        write_paths=("/scratch",),
    )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (IsolationRequest(profile="off"), "isolation.profile must be standard or strict: the daemon's is standard"),
        (IsolationRequest(network="host"), "isolation.network must be ports or none: the daemon's is ports"),
        (IsolationRequest(ports=(443, 22)), "isolation.ports must be among those of the daemon, and not 22"),
        (
            IsolationRequest(read_paths=("/database",)),
            "isolation.readPaths must lie below paths that the daemon allows, unlike /database",
        ),
        (
            IsolationRequest(write_paths=("/data",)),
            "isolation.writePaths must lie below paths that the daemon allows, unlike /data",
        ),
        (
            IsolationRequest(profile="strict", ports=(443,)),
            "isolation.ports must come with the network ports, and not with none",
        ),
    ],
)
def test_what_is_looser_is_refused(asked: IsolationRequest, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tightened(STANDARD, asked)
    assert str(caught.value) == sentence


def test_a_daemon_without_isolation_bounds_nothing() -> None:
    asked = IsolationRequest(profile="standard", network="host", read_paths=("/",), write_paths=("/srv",))
    assert tightened(NO_ISOLATION, asked).read_paths == ("/",)


@pytest.mark.parametrize("key", ["network", "ports", "read_paths", "write_paths"])
def test_details_need_a_profile(key: str) -> None:
    with pytest.raises(InvalidRequest, match="must come with the profile standard or strict"):
        tightened(NO_ISOLATION, IsolationRequest(**{key: "none" if key == "network" else ()}))


def test_paths_are_absolute_and_few() -> None:
    assert check_paths("they", ["/a/../b/./c/", "//b/c"]) == ("/b/c",)
    for bad in (["a"], ["/a\0"], ["/" + "a" * 4096], ["/a"] * 65):
        with pytest.raises(InvalidRequest, match=r"^they must be "):
            check_paths("they", bad)


def test_ports_are_ports() -> None:
    assert check_ports("they", [443, 1, 65535, 443]) == (443, 1, 65535)
    for bad in ([0], [65536], list(range(1, 66))):
        with pytest.raises(InvalidRequest, match=r"^they must be "):
            check_ports("they", bad)


def test_below_is_meant_by_parts() -> None:
    assert is_below("/a/b", ["/a"])
    assert is_below("/a", ["/a", "/c"])
    assert is_below("/a", ["/"])
    assert not is_below("/ab", ["/a"])
