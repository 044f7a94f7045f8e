"""What a worker does to itself before it runs any code of an isolated context: the ``confine`` of ``Configure``.

The daemon decides everything; the worker applies it, see ``worker/confining.py``. ``workers/isolation`` computes it.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Landlock:
    """A ruleset of landlock(7); all paths absolute. A path that does not exist is left out.

    Attributes:
        abi: The version of the interface that the kernel has.
        read: What may be read, listed and executed: files, or directories with everything below.
        write: What may be changed as well; paths without links. If one of them leads elsewhere by now, the worker
            fails.
        asked: What may be read besides, as a request says; paths without links. Those that lead elsewhere are left out.
        devices: What may be read, written and controlled (ioctl(2)), but neither made nor removed.
        ports: Of TCP, to which the worker may connect; None if that is not Landlock's to say.
    """

    abi: int
    read: tuple[str, ...]
    write: tuple[str, ...]
    devices: tuple[str, ...] = ()
    ports: tuple[int, ...] | None = None
    asked: tuple[str, ...] = ()


@frozen(kw_only=True)
class Parting:
    """What keeps a copy of a worker, and the worker itself from then on, from each other; see ``worker/parting.py``.

    Attributes:
        abi: As in ``Landlock``.
        seccomp: A further program, for the copy.
        for_both: Whether the original needs that, too.
    """

    abi: int
    seccomp: str = field(repr=lambda program: f"<{len(program)} characters>")
    for_both: bool = False


@frozen(kw_only=True)
class Confinement:
    """Everything that keeps the code of one context from the rest of the machine.

    Attributes:
        home: The context's own HOME.
        temporary: Its own TMPDIR.
        namespaces: Those that it makes for itself; see ``workers/isolation/namespaces.py``.
        view: What it sees of the file system in a mount namespace.
        seccomp: The program of seccomp(2), an array of struct sock_filter, in base64.
        listener: Whether calls wait for the daemon's answer: then the worker sends a descriptor with ``configured``.
        notes: What code is told when it is refused something, by kind.
        user: The user, and the group of that number, that it becomes; None for the daemon's.
        parting: What its copies do to themselves; None if it cannot be copied.
    """

    home: str
    temporary: str
    landlock: Landlock
    namespaces: tuple[str, ...] = ()
    view: Mapping[str, Any] | None = field(default=None, repr=lambda view: "None" if view is None else "…", hash=False)
    seccomp: str = field(repr=lambda program: f"<{len(program)} characters>")
    listener: bool = False
    notes: Mapping[str, str] = field(factory=dict, hash=False)
    user: int | None = None
    parting: Parting | None = None


def confinement_body(it: Confinement) -> dict[str, Any]:
    """Return ``confine`` as JSON."""
    landlock: dict[str, Any] = {
        "abi": it.landlock.abi,
        "read": it.landlock.read,
        "write": it.landlock.write,
        "devices": it.landlock.devices,
    }
    if it.landlock.asked:
        landlock["asked"] = it.landlock.asked
    if it.landlock.ports is not None:
        landlock["ports"] = it.landlock.ports
    body: dict[str, Any] = {
        "home": it.home,
        "temporary": it.temporary,
        "landlock": landlock,
        "namespaces": it.namespaces,
        "seccomp": it.seccomp,
        "notes": dict(it.notes),
    }
    if it.user is not None:
        body["uid"] = it.user
    if it.listener:
        body["listener"] = True
    if it.view is not None:
        body["view"] = dict(it.view)
    return body


def parting_body(it: Parting) -> dict[str, Any]:
    """Return ``part`` as JSON."""
    return {"abi": it.abi, "seccomp": it.seccomp, "forBoth": it.for_both}
