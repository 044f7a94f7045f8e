"""The profiles: which layers each needs, and what they are told for one context."""

import os
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from attrs import frozen

from interpreterd.model.isolation import (
    NO_NETWORK,
    PROFILES,
    SOME_PORTS,
    STANDARD,
    STRICT,
    Isolation,
    IsolationUnavailable,
    is_below,
)
from interpreterd.pipe.confinement import Confinement, Landlock, Parting
from interpreterd.workers.isolation import places, seccomp
from interpreterd.workers.isolation.abilities import Abilities
from interpreterd.workers.isolation.apart import ApartDirectory
from interpreterd.workers.isolation.directories import PrivateDirectories
from interpreterd.workers.isolation.namespaces import view

LANDLOCK_NEEDED: Final = 6  # signals and abstract sockets
_LANDLOCK_HELP: Final = "Linux 6.12 or newer, started with landlock among its security modules (lsm=landlock,…)"
# Landlock knows no right for chmod(2) and utime(2): who owns a file may change them.
_UID_HELP: Final = "--isolation-uids, or a daemon that is not root, or one that may make mount namespaces"
# Elsewhere a worker is the first process of its pid namespace, and its copies would end with it: worker/anchor.py.
ANCHORED: Final = ("x86_64",)
_SECCOMP_HELP: Final = "a kernel with seccomp filters, on x86_64 or aarch64"


@frozen(kw_only=True)
class Missing:
    """A layer that a profile needs, and this machine does not have.

    Attributes:
        layer: Its name.
        keeps: What it would keep code from.
        help: What would give it.
    """

    layer: str
    keeps: str
    help: str

    def __str__(self) -> str:
        return f"{self.layer} (against {self.keeps}) needs {self.help}"


@frozen(kw_only=True)
class Plan:
    """What a worker is told, and the layers that it then has."""

    confinement: Confinement
    layers: tuple[str, ...]


def lacking(profile: str, machine: Abilities, *, gives_users: bool = False) -> list[Missing]:
    """Return what ``machine`` lacks for ``profile``; nothing if it can be had in full.

    ``gives_users`` says whether each context has a user of its own.
    """
    lacks = []
    if profile in (STANDARD, STRICT):
        if machine.landlock < LANDLOCK_NEEDED:
            has = f"it has landlock:{machine.landlock}" if machine.landlock else "it has none"
            keeps = f"other files, processes, ports and abstract sockets; {has}"
            lacks.append(Missing(layer=f"landlock:{LANDLOCK_NEEDED}", keeps=keeps, help=_LANDLOCK_HELP))
        if not machine.filters:
            lacks.append(Missing(layer="seccomp", keeps="system calls for the kernel itself", help=_SECCOMP_HELP))
        if machine.is_root and not gives_users and not machine.namespaces.some("mount"):
            lacks.append(Missing(layer="uid", keeps="changing the modes and times of root's files", help=_UID_HELP))
    return lacks


def missing_sentences(machine: Abilities, *, gives_users: bool) -> Mapping[str, tuple[str, ...]]:
    """Return what ``machine`` lacks for each profile, as sentences."""
    return {profile: tuple(map(str, lacking(profile, machine, gives_users=gives_users))) for profile in PROFILES}


def require(profile: str, machine: Abilities, *, gives_users: bool) -> None:
    """Raise ``IsolationUnavailable`` if ``profile`` cannot be had in full on ``machine``; see ``lacking``."""
    if lacks := lacking(profile, machine, gives_users=gives_users):
        layers = "; ".join(map(str, lacks))
        raise IsolationUnavailable(f"isolation {profile} cannot be had on this machine in full: {layers}")


def plan(
    isolation: Isolation,
    machine: Abilities,
    *,
    cwd: str,
    private: PrivateDirectories,
    user: int | None = None,
    apart: Iterable[ApartDirectory] = (),
) -> Plan:
    """Return what isolates the worker of a context in ``cwd``, a path without links, on ``machine``.

    ``user`` is its own user, if it has one. A view covers what is ``apart``.

    Raises:
        IsolationUnavailable: A layer is missing.
    """
    require(isolation.profile, machine, gives_users=user is not None)
    is_strict = isolation.profile == STRICT
    spaces = _namespaces(isolation, machine, user)
    has_view, has_net = "mount" in spaces, "net" in spaces
    ports = isolation.ports if isolation.network == SOME_PORTS else () if isolation.network == NO_NETWORK else None
    system = places.OF_STRICT if is_strict else places.OF_STANDARD
    own = environment_paths(machine.paths, private.root)
    writable = (cwd, private.home, private.temporary, private.copies, *isolation.write_paths)
    # With a view, terminals and shared memory are its own.
    is_shared = not is_strict or has_view
    landlock = Landlock(
        abi=machine.landlock,
        read=(*system, *own),
        asked=_real(isolation.read_paths),
        write=_real((*writable, *((places.SHARED_MEMORY,) if is_shared else ()))),
        devices=(*places.SINGLE_DEVICES, *(places.TERMINALS if is_shared else ())),
        ports=None if has_net else ports,
    )
    answers = machine.loopback and isolation.network == SOME_PORTS
    has_pids = "pid" in spaces
    may_be_copied = not has_pids or machine.architecture in ANCHORED
    rules = seccomp.CallRules(
        sockets=has_net or isolation.network != NO_NETWORK,
        unix_sockets=not is_strict or (has_view and has_net),
        other_processes=has_pids,
        asks_connect=answers,
        may_leave=may_be_copied if has_pids else None,  # there, orphans do not leave the namespace
    )
    confinement = Confinement(
        home=private.home,
        temporary=private.temporary,
        landlock=landlock,
        namespaces=spaces,
        view=view(read=(*places.OF_VIEW, *own, *isolation.read_paths), write=writable, own_proc=has_pids, apart=apart)
        if has_view
        else None,
        seccomp=seccomp.program(rules, machine.architecture),
        listener=answers or not has_pids,
        notes=_notes(isolation, cwd),
        user=user,
        parting=parting(machine, has_pids=has_pids) if may_be_copied else None,
    )
    names = (*(f"{kind}-namespace" for kind in spaces), *(("loopback",) if answers else ()))
    layers = (f"landlock:{machine.landlock}", "seccomp", "capabilities", *names)
    return Plan(confinement=confinement, layers=layers if user is None else (*layers, f"uid:{user}"))


def parting(machine: Abilities, *, has_pids: bool) -> Parting:
    """Return what keeps copies of a worker from it; ``has_pids`` if all of them are in one pid namespace."""
    program = seccomp.program_of_copies(machine.architecture)
    return Parting(abi=machine.landlock, seccomp=program, for_both=has_pids)


def _real(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(os.path.realpath, paths))


def _namespaces(isolation: Isolation, machine: Abilities, user: int | None) -> tuple[str, ...]:
    """Return the namespaces of a worker: those of its profile that can be had here, together with its ``user``."""
    if isolation.profile != STRICT:
        spaces = machine.namespaces.some("mount")
    else:
        spaces = machine.namespaces.some("mount", "pid", "ipc", *(("net",) if isolation.network == NO_NETWORK else ()))
    # A process that is alone in a user namespace cannot become another user there.
    return () if user is not None and "user" in spaces else spaces


def environment_paths(paths: Sequence[str], private: str) -> tuple[str, ...]:
    """Return those ``paths`` of Python that may be readable.

    None that holds the directories of other contexts, and not all that a system's Python has as its prefix: a profile
    names the system's directories itself.
    """
    return tuple(path for path in paths if path not in places.PREFIXES and not is_below(private, (path,)))


def _notes(isolation: Isolation, cwd: str) -> Mapping[str, str]:
    """Return what code is told when something is refused to it."""
    ports = ", ".join(map(str, isolation.ports))
    network = {
        NO_NETWORK: "connections are off in this context (isolation.network is none)",
        SOME_PORTS: f"connections are allowed to the TCP ports {ports} only, and to servers of this context",
    }.get(isolation.network, "")
    return MappingProxyType(
        {
            "write": f"writes outside the context's directory are off: {cwd}, HOME and TMPDIR are its own",
            "read": "reads outside the system, the Python environment and the context's directory are off",
            "connect": network,
            "memory": "locks and memory that processes share are off in this context: it has no /dev/shm of its own",
            "call": f"this system call is off in a context with isolation {isolation.profile}",
        }
    )
