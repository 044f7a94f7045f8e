"""A cgroup (v2) for each context: an equal share of the processors, and limits that the kernel enforces, cgroups(7).

The daemon uses a cgroup that was delegated to it, and touches nothing else: of the controllers cpu, memory and pids
those that are there. Processes may not be in a cgroup that gives controllers to others, so the daemon moves itself,
and its guard, into one below. All contexts together have one share, the daemon several, as ``nice`` has it elsewhere.

    delegated/
      interpreterd-PID-daemon    the daemon and all that it starts
      interpreterd-PID           cpu.weight
        WORKER                   memory.max, pids.max: one worker and its descendants
"""

import contextlib
import logging
import os
import re
from typing import Final

_OFF: Final = "off"
AUTO: Final = "auto"
CONTROLLERS: Final = ("cpu", "memory", "pids")
DAEMON_WEIGHT: Final = 300  # cpu.weight; the kernel's default is 100
_OWN = re.compile(r"interpreterd-(\d+)(-daemon)?$")
_DELEGATED = ("user.delegate", "trusted.delegate")  # systemd marks cgroups that it leaves to others: xattr(7)
_READ_BYTES = 1 << 16
make_directory, remove_directory = os.mkdir, os.rmdir  # functions of their own for tests
_log = logging.getLogger(__name__)


class CgroupError(Exception):
    """A cgroup cannot be used; says why."""


def own_path(mounts: str, memberships: str) -> str | None:
    """Return the directory of a process's cgroup (v2), from /proc/[pid]/mountinfo and /proc/[pid]/cgroup."""
    member = next((line[3:] for line in memberships.splitlines() if line.startswith("0::/")), None)
    if member is None or member.startswith("/.."):  # it is outside of the cgroup namespace
        return None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            root, point = (_unescaped(part) for part in before.split(" ")[3:5])
            if member == root or member.startswith(root.rstrip("/") + "/"):
                return os.path.normpath(point + "/" + member[len(root.rstrip("/")) :])
    return None


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def is_delegated(path: str) -> bool:
    """Return whether the cgroup ``path`` was left to this process's user, or to this container."""
    if not os.access(path, os.W_OK) or not os.access(f"{path}/cgroup.procs", os.W_OK):
        return False
    if os.geteuid() != 0:
        return True
    # A superuser may write everywhere. The root of a namespace is a container's own; that of the machine has no type.
    for name in _DELEGATED:
        with contextlib.suppress(OSError):
            if os.getxattr(path, name) == b"1":
                return True
    with open("/proc/self/cgroup") as file:
        return "0::/\n" in file.read() and os.path.exists(f"{path}/cgroup.type")


def find(setting: str, pids: tuple[int, ...]) -> "Cgroups | None":
    """Return the cgroups that ``setting`` asks for: ``off``, ``auto`` or a path; ``pids`` are the daemon's own.

    Raises:
        CgroupError: The one that is named cannot be used. With ``auto``, None says that there is none.
    """
    if setting == _OFF:
        return None
    with open("/proc/self/mountinfo") as mounts, open("/proc/self/cgroup") as memberships:
        own = own_path(mounts.read(), memberships.read())
    if setting != AUTO:
        return Cgroups(os.path.realpath(setting), pids)
    if own is not None and _OWN.match(os.path.basename(own)):  # an earlier daemon has moved there, and started this one
        own = os.path.dirname(own)
    if own is None or not is_delegated(own):
        return None
    try:
        found = Cgroups(own, pids)
    except CgroupError as error:
        _log.info("no cgroups: %s", error)
        return None
    if not found.controllers:
        found.close()
        return None
    return found


class Cgroups:
    """The cgroups of a daemon's contexts. ``close`` removes them; the daemon stays in its own.

    Attributes:
        name: The one in which all contexts are.
        controllers: Those of ``CONTROLLERS`` that work here.
    """

    def __init__(self, base: str, pids: tuple[int, ...]) -> None:
        """Make them below ``base``; move ``pids`` away from there. Raises ``CgroupError``."""
        self.name = f"{base}/interpreterd-{os.getpid()}"
        try:
            there = {int(pid) for pid in _read(f"{base}/cgroup.procs").split()}
            if there - set(pids):  # one of another pid namespace is shown as 0
                raise CgroupError(f"other processes than the daemon are in {base}")
            _remove_old(base)
            if there:
                make_directory(f"{self.name}-daemon")
                for pid in there:
                    _write(f"{self.name}-daemon/cgroup.procs", pid)
            make_directory(self.name)
        except OSError as error:
            raise CgroupError(f"{base} cannot be used: {error.strerror}") from error
        self.controllers = frozenset(_enabled(base) & _enabled(self.name))
        with contextlib.suppress(OSError):
            _write(f"{self.name}-daemon/cpu.weight", DAEMON_WEIGHT)

    def enter(self, worker: int, *, memory_bytes: int | None, processes: int | None) -> "Cgroup":
        """Make a cgroup with these limits, and move ``worker`` there; waits for the kernel, some 15 ms at times.

        Raises OSError; there is then no cgroup.
        """
        path = f"{self.name}/{worker}"
        while os.path.exists(path):  # that of an earlier process of this number, whose parked copies are still there
            path += "0"
        make_directory(path)
        try:
            if memory_bytes is not None and "memory" in self.controllers:
                _write(f"{path}/memory.max", memory_bytes)
                _write(f"{path}/memory.oom.group", 1)
                with contextlib.suppress(FileNotFoundError):  # without swap accounting
                    _write(f"{path}/memory.swap.max", 0)
            if processes is not None and "pids" in self.controllers:
                _write(f"{path}/pids.max", processes)
            _write(f"{path}/cgroup.procs", worker)
        except OSError:
            remove_directory(path)
            raise
        return Cgroup(path)

    def close(self) -> None:
        """Remove all cgroups but the daemon's; kill what is left there."""
        with contextlib.suppress(OSError):
            _write(f"{self.name}/cgroup.kill", 1)
        _remove_below(self.name)


class Cgroup:
    """That of one worker and its descendants."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._killed = 0

    def join(self, pid: int) -> None:
        """Move a process there. Raises OSError."""
        _write(f"{self.path}/cgroup.procs", pid)

    def end_together(self, together: bool) -> None:
        """Whether the kernel kills all processes there at once when ``memory.max`` is reached, or the largest one."""
        with contextlib.suppress(OSError):  # there is no memory controller, or it is gone
            _write(f"{self.path}/memory.oom.group", int(together))

    def was_out_of_memory(self) -> bool:
        """Return whether ``memory.max`` has made the kernel kill a process there since the last question."""
        before = self._killed
        with contextlib.suppress(OSError, ValueError):
            counts = dict(line.split() for line in _read(f"{self.path}/memory.events").splitlines())
            self._killed = int(counts.get("oom_kill", 0))
        return self._killed > before

    def kill(self) -> None:
        """Kill every process there, at once."""
        with contextlib.suppress(OSError):
            _write(f"{self.path}/cgroup.kill", 1)

    def remove(self) -> bool:
        """Remove it; return whether it is gone. It is not as long as a process is there, or one that is not reaped."""
        try:
            remove_directory(self.path)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True


def _enabled(path: str) -> set[str]:
    """Give the cgroups below ``path`` the controllers that it has; return them."""
    enabled: set[str] = set()
    for name in CONTROLLERS:
        with contextlib.suppress(OSError):
            if name in _read(f"{path}/cgroup.controllers").split():
                _write(f"{path}/cgroup.subtree_control", f"+{name}")
                enabled.add(name)
    return enabled


def _remove_old(base: str) -> None:
    """Remove what daemons have left that were killed: empty cgroups of pids that are no more."""
    for name in os.listdir(base):
        if (own := _OWN.match(name)) and not os.path.exists(f"/proc/{own[1]}"):
            _remove_below(f"{base}/{name}")


def _remove_below(path: str) -> None:
    with contextlib.suppress(OSError):
        for name in os.listdir(path):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    remove_directory(f"{path}/{name}")
        remove_directory(path)


def _read(path: str) -> str:
    with open(path, "rb", 0) as file:
        return file.read(_READ_BYTES).decode()


def _write(path: str, value: object) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)
