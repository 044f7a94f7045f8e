"""The table of attacks: what each tries, its code, and which layers stop it; the files beside this one are its rows."""

import functools
import tomllib
from importlib import resources
from typing import Any, Final

from attrs import frozen

# The order in which a reader meets them.
FILES: Final = (
    "files",
    "neighbours",
    "forks",
    "processes",
    "signals",
    "channels",
    "network",
    "kernel",
    "privileges",
    "daemon",
)
# Of layers that contexts do not show, since each context has them: "kernel" and "daemon" stop code in every profile;
# "permissions" do if the daemon is not root's.
EVERYWHERE: Final = frozenset({"kernel", "daemon"})
ORDINARY: Final = "permissions"
CERTAIN: Final = {
    "off": EVERYWHERE,
    "standard": EVERYWHERE | {"landlock", "seccomp", "capabilities", "no-new-privs", "environment"},
    "strict": EVERYWHERE | {"landlock", "seccomp", "capabilities", "no-new-privs", "environment"},
}
POSSIBLE: Final = {
    "off": frozenset({ORDINARY}),
    "standard": frozenset({"mount-namespace", "uid"}),
    "strict": frozenset({"mount-namespace", "uid", "pid-namespace", "ipc-namespace", "net-namespace"}),
}


@frozen(kw_only=True)
class Attack:
    """A row of the table.

    Attributes:
        name: Stays the same from release to release.
        kind: The heading above it.
        sentence: What code does, after "Code in a context …".
        code: Python that runs below ``in_context/attacker.py``: it holds if it raises OSError or ``Held``, and has
            passed otherwise.
        stopped: The layers of which each stops it in ``standard`` and ``strict``.
        standard: Further layers that stop it in ``standard``.
        strict: Further layers that stop it in ``strict``.
        off: What stops it in every profile.
        because: Why it is not stopped where it is not.
        evidence: What shows from outside that it has succeeded; None if its code knows.
        setting: A setting of the machine that may stop it, too.
        relatives: Whether it is for the relatives of a context: then a fork of the context tries it as well.
    """

    name: str
    kind: str
    sentence: str
    code: str
    stopped: tuple[str, ...] = ()
    standard: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    because: str = ""
    evidence: str | None = None
    setting: str | None = None
    relatives: bool = False

    def layers(self, profile: str) -> tuple[str, ...]:
        """Return the layers of which each stops it in ``profile``, those first that every such context has."""
        further = {"standard": self.standard, "strict": self.strict}
        own = (*self.stopped, *further[profile]) if profile in further else ()
        named = [it for it in dict.fromkeys((*own, *self.off)) if it in CERTAIN[profile] | POSSIBLE[profile]]
        return tuple(sorted(named, key=lambda it: it not in CERTAIN[profile]))

    def is_stopped(self, profile: str, present: frozenset[str]) -> bool:
        """Return whether a context of ``profile`` with the layers ``present`` must stop it."""
        return not (CERTAIN[profile] | present).isdisjoint(self.layers(profile))

    def cell(self, profile: str) -> str:
        """Return what THREATS.md says about it in ``profile``."""
        layers = self.layers(profile)
        names = ", ".join(f"`{it}`" for it in layers)
        if not CERTAIN[profile].isdisjoint(layers):
            return f"stopped: {names}"
        why = f": {self.because}" if self.because and profile != "off" else ""
        if layers == (ORDINARY,):
            return "stopped unless the daemon is root's"
        return f"stopped with {' or '.join(names.split(', '))}; otherwise not{why}" if layers else f"not stopped{why}"


@functools.cache
def attacks() -> tuple[Attack, ...]:
    """Return the table."""
    return tuple(row for name in FILES for row in _rows(f"{name}.toml"))


def _rows(name: str) -> list[Attack]:
    data: dict[str, Any] = tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))
    return [_row(data["title"], row) for row in data["attack"]]


def _row(kind: str, row: dict[str, Any]) -> Attack:
    keys: dict[str, Any] = {key: tuple(it) if isinstance(it, list) else it for key, it in row.items()}
    return Attack(kind=kind, **keys)
