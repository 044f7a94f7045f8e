"""Profiles: what they need of a machine, and what a worker is told."""

import pytest
from attrs import evolve

from interpreterd.model.isolation import Isolation, IsolationUnavailable
from interpreterd.pipe.confinement import Parting
from interpreterd.workers.isolation.abilities import Abilities
from interpreterd.workers.isolation.directories import PrivateDirectories
from interpreterd.workers.isolation.namespaces import NO_NAMESPACES, Namespaces
from interpreterd.workers.isolation.profiles import environment_paths, lacking, plan
from interpreterd.workers.isolation.seccomp import CallRules, program, program_of_copies

ABLE = Abilities(landlock=7, seccomp=True, paths=("/opt/python", "/tmp", "/", "/usr"))
PRIVATE = PrivateDirectories(root="/tmp/interpreterd-x/1", home="/tmp/interpreterd-x/1/home", temporary="/tmp/i/1/tmp")
STANDARD = Isolation(profile="standard", network="ports", ports=(443,), read_paths=("/data",), write_paths=("/out",))


def test_standard_writes_in_its_own_directories_alone() -> None:
    told = plan(STANDARD, ABLE, cwd="/work", private=PRIVATE)
    assert {"/work", PRIVATE.home, PRIVATE.temporary, "/out"} <= set(told.confinement.landlock.write)
    assert "/data" in told.confinement.landlock.asked
    assert told.confinement.landlock.ports == (443,)
    assert {"landlock:7", "seccomp", "capabilities"} <= set(told.layers)


def test_strict_connects_to_nothing_and_shares_no_memory() -> None:
    told = plan(evolve(STANDARD, profile="strict", network="none"), ABLE, cwd="/work", private=PRIVATE)
    assert told.confinement.landlock.ports == ()
    assert "/dev/shm" not in told.confinement.landlock.write
    assert "/etc" not in told.confinement.landlock.read


SPACIOUS = evolve(ABLE, namespaces=Namespaces(user=True))


def test_standard_has_a_view_where_it_can_be_had() -> None:
    told = plan(STANDARD, SPACIOUS, cwd="/usr/lib", private=PRIVATE)
    assert told.confinement.namespaces == ("user", "mount")
    assert {"user-namespace", "mount-namespace"} <= set(told.layers)
    assert told.confinement.view is not None
    steps = told.confinement.view["steps"]
    assert ["bind", "/usr", ["ro", "nosuid", "nodev"]] in steps
    assert ["bind", "/usr/lib", ["nosuid", "nodev"]] in steps
    assert ["bind", "/proc", ["ro", "nosuid", "nodev", "noexec"]] in steps
    assert told.confinement.landlock.ports == (443,)


def test_strict_has_terminals_shared_memory_and_loopback_of_its_own_where_they_can_be_had() -> None:
    strict = Isolation(profile="strict", network="none")
    told = plan(strict, SPACIOUS, cwd="/usr/lib", private=PRIVATE)
    assert told.confinement.namespaces == ("user", "mount", "pid", "ipc", "net")
    assert "/dev/shm" in told.confinement.landlock.write
    assert {"/dev/pts", "/dev/ptmx"} <= set(told.confinement.landlock.devices)
    assert told.confinement.landlock.ports is None
    alone = plan(strict, evolve(ABLE, namespaces=Namespaces(missing={"net": "why"})), cwd="/usr/lib", private=PRIVATE)
    assert alone.confinement.namespaces == ("mount", "pid", "ipc")
    assert alone.confinement.landlock.ports == ()
    assert alone.confinement.seccomp != told.confinement.seccomp


@pytest.mark.parametrize(("network", "asks"), [("ports", True), ("host", False), ("none", False)])
@pytest.mark.parametrize("able", [True, False])
def test_a_context_reaches_its_own_servers_if_the_daemon_can_connect_it(network: str, asks: bool, able: bool) -> None:
    told = plan(evolve(STANDARD, network=network), evolve(ABLE, loopback=able), cwd="/work", private=PRIVATE)
    asking = CallRules(sockets=network != "none", asks_connect=asks and able, may_leave=None)
    assert told.confinement.seccomp == program(asking, ABLE.architecture)
    assert told.confinement.listener
    assert ("loopback" in told.layers) is (asks and able)


def test_a_worker_can_be_copied_unless_it_is_the_first_of_a_pid_namespace() -> None:
    strict = evolve(STANDARD, profile="strict", network="none")
    plain = plan(strict, ABLE, cwd="/work", private=PRIVATE).confinement
    machine = evolve(ABLE, namespaces=Namespaces())
    spaced = plan(strict, machine, cwd="/work", private=PRIVATE).confinement
    first = plan(strict, evolve(machine, architecture="aarch64"), cwd="/work", private=PRIVATE).confinement
    no_names = program_of_copies(ABLE.architecture)
    assert plain.parting == Parting(abi=ABLE.landlock, seccomp=no_names)
    assert spaced.parting == Parting(abi=ABLE.landlock, seccomp=no_names, for_both=True)
    assert (plain.listener, spaced.listener) == (True, False), "copies become the daemon's, which it has to allow"
    assert (first.parting, first.listener) == (None, False)


def test_the_environment_never_holds_other_contexts_directories() -> None:
    assert environment_paths(ABLE.paths, PRIVATE.root) == ("/opt/python",)


@pytest.mark.parametrize("profile", ["standard", "strict"])
@pytest.mark.parametrize(
    ("machine", "layer"),
    [
        (evolve(ABLE, landlock=0), "landlock:6"),
        (evolve(ABLE, landlock=5), "landlock:6"),
        (evolve(ABLE, seccomp=False), "seccomp"),
        (evolve(ABLE, architecture="riscv64"), "seccomp"),
    ],
)
def test_a_profile_that_cannot_be_had_in_full_is_refused(machine: Abilities, layer: str, profile: str) -> None:
    assert [it.layer for it in lacking(profile, machine)] == [layer]
    with pytest.raises(IsolationUnavailable) as caught:
        plan(evolve(STANDARD, profile=profile), machine, cwd="/work", private=PRIVATE)
    assert layer in str(caught.value)
    assert f"isolation {profile} cannot be had on this machine in full" in str(caught.value)


def test_root_needs_a_user_for_each_context_or_a_view() -> None:
    bare = evolve(ABLE, is_root=True, namespaces=NO_NAMESPACES)
    assert [it.layer for it in lacking("standard", bare)] == ["uid"]
    assert lacking("standard", bare, gives_users=True) == []
    assert lacking("standard", evolve(bare, is_root=False)) == []
    assert lacking("standard", evolve(bare, namespaces=Namespaces())) == []
    with pytest.raises(IsolationUnavailable, match="--isolation-uids"):
        plan(STANDARD, bare, cwd="/work", private=PRIVATE)


def test_off_needs_nothing() -> None:
    assert lacking("off", Abilities()) == []
