"""What this machine can do to isolate contexts: found out once, by a process of the workers' interpreter."""

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import orjson
from attrs import evolve, frozen

from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.workers.isolation.namespaces import NO_NAMESPACES, Namespaces, views
from interpreterd.workers.isolation.syscalls import AUDIT_ARCH
from interpreterd.workers.isolation.tracing import why_no_loopback
from interpreterd.workers.launcher import Launcher

_MODULES: Final = (
    "syscalls",
    "unsharing",
    "probing",
)  # of the worker, in an order in which each needs only earlier ones
_PROGRAM: Final = """
import os, sys
while "" in sys.path:
    sys.path.remove("")
ModuleType = type(sys)
sys.modules["worker"] = worker = ModuleType("worker")
worker.__path__ = []
for name, source in SOURCES.items():
    sys.modules["worker." + name] = module = ModuleType("worker." + name)
    setattr(worker, name, module)
    exec(compile(source, "<interpreterd worker " + name + ">", "exec", dont_inherit=True), module.__dict__)
found = worker.probing.found(VIEWS)
import json
os.write(1, json.dumps(found).encode())
"""


@frozen(kw_only=True)
class Abilities:
    """What a machine can do.

    Attributes:
        architecture: As uname(2) names it.
        landlock: The version of its interface; 0 without it.
        seccomp: Whether system calls can be filtered.
        namespaces: The kinds that a worker can get.
        is_root: Whether the workers' user is root.
        paths: Where the workers' Python and its packages are: directories and files, absolute.
        loopback: Whether the daemon can connect contexts to their own servers: see ``loopback.py``.
    """

    architecture: str = "x86_64"
    landlock: int = 0
    seccomp: bool = False
    namespaces: Namespaces = NO_NAMESPACES
    is_root: bool = False
    paths: tuple[str, ...] = ()
    loopback: bool = False

    @property
    def filters(self) -> bool:
        """Whether system calls can be filtered, and their numbers are known here."""
        return self.seccomp and self.architecture in AUDIT_ARCH

    @property
    def layers(self) -> tuple[str, ...]:
        """What there is, by the names of layers."""
        has = {f"landlock:{self.landlock}": bool(self.landlock), "seccomp": self.filters}
        return (
            *(layer for layer, there in has.items() if there),
            *(f"{kind}-namespace" for kind in self.namespaces.some("mount", "pid", "ipc", "net")),
            *(("loopback",) if self.loopback else ()),
        )


async def examine(launcher: Launcher) -> Abilities:
    """Return what this machine can do for workers of ``launcher``. Raises ``WorkerStartFailed``."""
    found = parsed_abilities(await launcher.examine(probe_program(resources.files("interpreterd") / "_worker")))
    return evolve(found, loopback=why_no_loopback() is None)


def probe_program(folder: Traversable) -> bytes:
    """Return the program that finds out, and prints it; ``folder`` has the worker's modules."""
    sources = {name: (folder / f"{name}.py").read_text("utf-8") for name in _MODULES}
    return f"SOURCES = {sources!a}\nVIEWS = {views()!a}\n{_PROGRAM}".encode()


def parsed_abilities(answer: bytes) -> Abilities:
    """Return what the program has printed. Raises ``IsolationUnavailable``."""
    try:
        found = orjson.loads(answer)
        return Abilities(
            architecture=found["architecture"],
            landlock=found["landlock"],
            seccomp=found["seccomp"],
            namespaces=Namespaces(user=found["namespaces"]["user"], missing=found["namespaces"]["missing"]),
            is_root=found["is_root"] is True,
            paths=tuple(found["paths"]),
        )
    except (ValueError, KeyError, TypeError):
        raise IsolationUnavailable("the workers' interpreter could not say what this machine can do") from None
