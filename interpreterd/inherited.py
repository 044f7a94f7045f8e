"""What the starter of the daemon has given to it: listening sockets, and where it wants to be told of its state.

systemd does so by LISTEN_FDS and NOTIFY_SOCKET, see sd_listen_fds(3) and sd_notify(3). A daemon that is replaced does
so by ``HANDOVER_VARIABLE``: with its sockets, their names, and a pipe for one line. All these variables are taken out
of the environment, and the descriptors are not passed on: code that runs in contexts must not get them.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Self

from attrs import frozen

HANDOVER_VARIABLE: Final = "INTERPRETERD_HANDOVER"
ISOLATING_VARIABLE: Final = "INTERPRETERD_ISOLATING"
FIRST_FD: Final = 3  # SD_LISTEN_FDS_START
FDS_LIMIT: Final = 256
_FOR_SUPERVISORS: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_FOR_SOCKETS: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


@frozen(kw_only=True)
class Inherited:
    """What was inherited.

    Attributes:
        sockets: Name and descriptor of each listening socket. The name is an address of the settings (it has a colon)
            if an earlier daemon has passed it, and else the name that systemd gave.
        supervisor: Where to tell the state; empty for nowhere.
        watchdog_s: At least so often the supervisor wants a sign of life; None if it does not.
        successor: The descriptor to which to write a line when the daemon is ready; None if it replaces no other.
        parent: A pidfd of the process with which the daemon is to end; None if an earlier daemon has passed none.
        isolating: Earlier daemons that have isolated contexts, which may still run: pids.
        token: What an earlier daemon knows of the token that its environment had; empty if it had none.
        environ: The supervisor's variables, for a daemon that replaces this one.
    """

    sockets: tuple[tuple[str, int], ...] = ()
    supervisor: str = ""
    watchdog_s: float | None = None
    successor: int | None = None
    parent: int | None = None
    isolating: tuple[int, ...] = ()
    token: bytes = b""
    environ: Mapping[str, str] = {}

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Self:
        """Take it out of ``environ``; what is not meant for this process, or has another form, counts as not there."""
        sockets = {name: environ.pop(name, "") for name in _FOR_SOCKETS}
        supervisor = {name: value for name in _FOR_SUPERVISORS if (value := environ.pop(name, None)) is not None}
        handed = _handed(environ.pop(HANDOVER_VARIABLE, ""))
        isolating = environ.pop(ISOLATING_VARIABLE, "").split(",")
        named = handed.get("sockets") or _activated(sockets)
        for fd in (*(fd for _, fd in named), *(handed[key] for key in ("ready", "parent") if handed.get(key))):
            os.set_inheritable(fd, False)
        return cls(
            sockets=tuple((str(name), fd) for name, fd in named),
            supervisor=supervisor.get("NOTIFY_SOCKET", ""),
            watchdog_s=_watchdog_s(supervisor) if handed else _watchdog_s(supervisor, is_ours),
            successor=handed.get("ready"),
            parent=handed.get("parent"),
            isolating=tuple(int(pid) for pid in isolating if handed and pid.isdecimal()),
            token=_read(handed.get("token")),
            environ=supervisor,
        )

    def tell_predecessor(self) -> None:
        """Tell the daemon that this one replaces that it accepts connections."""
        if self.successor is not None:
            os.write(self.successor, b"%d\n" % os.getpid())
            os.close(self.successor)


def handover(sockets: list[tuple[str, int]], ready: int, parent: int | None, token: int | None) -> str:
    """Return the value of ``HANDOVER_VARIABLE`` that ``take`` understands: names, and descriptors."""
    import json

    return json.dumps({"sockets": sockets, "ready": ready, "parent": parent, "token": token})


def is_ours(pid: str) -> bool:
    """Return whether ``pid`` is this process, or the loader of the single binary, which has started it."""
    return pid == str(os.getpid()) or (getattr(sys, "frozen", False) and pid == str(os.getppid()))


def _read(fd: int | None) -> bytes:
    if fd is None:
        return b""
    with open(fd, "rb") as file:
        return file.read()


def _handed(text: str) -> dict[str, Any]:
    if not text:
        return {}
    import json  # the guard, which is forked from this process, does not need it

    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {}


def _activated(variables: Mapping[str, str]) -> list[tuple[str, int]]:
    count = variables["LISTEN_FDS"]
    if not is_ours(variables["LISTEN_PID"]) or not count.isdecimal() or not 0 < int(count) <= FDS_LIMIT:
        return []
    names = variables["LISTEN_FDNAMES"].split(":")
    fds = range(FIRST_FD, FIRST_FD + int(count))
    return [(name or "unknown", fd) for name, fd in zip(names + [""] * len(fds), fds, strict=False) if _is_open(fd)]


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _watchdog_s(variables: Mapping[str, str], is_meant: Any = lambda pid: True) -> float | None:
    period = variables.get("WATCHDOG_USEC", "")
    if not period.isdecimal() or not int(period) or not is_meant(variables.get("WATCHDOG_PID", str(os.getpid()))):
        return None
    return int(period) / 1e6
