"""The layer ``uid``: a user, and a group of the same number, for each isolated context of a superuser's daemon.

What no other layer sees, the kernel's ordinary checks of permissions then refuse: signals, limits and priorities of
others, their files, their shared memory. The daemon keeps its own rights.
"""

import contextlib
import fcntl
import grp
import os
import pwd
import shutil
import threading
from collections import deque
from typing import Final, Protocol

from interpreterd.model.errors import LimitReached
from interpreterd.workers.isolation.user_range import UserRange

LOCKS: Final = "/run/interpreterd-users"  # a byte for each user: daemons with the same range share it
_CAPABILITIES: Final = {  # capabilities(7)
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_FOWNER": 3,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
}
_PR_GET_SECUREBITS: Final = 27  # prctl(2)
_NO_SETUID_FIXUP: Final = 0x4
_SHARED_MEMORY: Final = "/dev/shm"
_MAPS: Final = "/proc/self"


def why_unusable(users: UserRange) -> str | None:
    """Return why this daemon cannot give ``users`` to contexts, as the end of a sentence; None if it can."""
    if os.geteuid() != 0:
        return "needs a daemon that runs as root"
    status = _status("self")
    held = int(status.get("CapEff", "0"), 16)
    if missing := [name for name, number in _CAPABILITIES.items() if not held >> number & 1]:
        return f"needs {' and '.join(missing)}, which this root does not have: a container's options may give it"
    for what in ("uid", "gid"):
        if not _is_mapped(users, what):
            return f"names users that this user namespace does not have: see {_MAPS}/{what}_map"
    there = [it.pw_name for it in pwd.getpwall() if it.pw_uid in users or it.pw_gid in users]
    there += [it.gr_name for it in grp.getgrall() if it.gr_gid in users]
    if there:
        return f"must hold no user or group of this machine, and holds {there[0]}"
    import ctypes

    if ctypes.CDLL(None).prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0) & _NO_SETUID_FIXUP:
        return "needs capabilities that go with the user: the secure bit NO_SETUID_FIXUP is set, capabilities(7)"
    return None


class UserRegister(Protocol):
    """Tells which users are not free, beyond what this daemon has given."""

    def busy(self, users: UserRange) -> set[int]:
        """Return those that a process has."""
        ...

    def lock(self, user: int) -> bool:
        """Keep other daemons from using it; return whether none does."""
        ...

    def unlock(self, user: int) -> None:
        """Let other daemons use it."""
        ...

    def clean(self, user: int) -> None:
        """Remove what its processes have left in memory."""
        ...


class Users:
    """Gives each isolated context a user that no other one has.

    A user that a context had comes last: its number is used again only when no process has it any more. To find that
    out blocks, for a thread: ``refresh``. All else does not.
    """

    def __init__(self, users: UserRange, register: UserRegister | None = None) -> None:
        self.range = users
        self._register = register or MachineRegister()
        self._next = users.first
        self._free: deque[int] = deque()  # used before
        self._resting: deque[int] = deque()
        self._busy: set[int] | None = None
        self._turn = threading.Lock()
        self.living: set[int] = set()

    @property
    def is_stale(self) -> bool:
        """Whether ``refresh`` should be called before ``take``."""
        return self._busy is None or (self._next > self.range.last and not self._free and bool(self._resting))

    def refresh(self) -> None:
        """Find out which users no process has any more."""
        with self._turn:
            self._busy = self._register.busy(self.range)
            for user in [self._resting.popleft() for _ in range(len(self._resting))]:
                if user in self._busy:
                    self._resting.append(user)
                else:
                    self._register.clean(user)
                    self._free.append(user)

    def take(self) -> int:
        """Return a user until ``give_back``. Raises ``LimitReached``."""
        with self._turn:
            while (user := self._unused()) is not None:
                if self._register.lock(user):
                    self.living.add(user)
                    return user
                self._resting.append(user)  # another daemon has it
            raise LimitReached(
                f"no user is left for another isolated context: the limit of --isolation-uids is {len(self.range)}"
            )

    def give_back(self, user: int) -> None:
        """The context of ``user`` has ended: its processes and private files are gone, as far as is known."""
        with self._turn:
            self.living.discard(user)
            self._resting.append(user)
            self._register.unlock(user)

    def clean(self, user: int) -> None:
        """Remove what the processes of ``user`` have left in memory. Blocks."""
        self._register.clean(user)

    def _unused(self) -> int | None:
        """Return a user that no process had when that was found out last; those that no context had first."""
        while self._next <= self.range.last:
            user = self._next
            self._next += 1
            if user not in (self._busy or ()):
                return user
            self._resting.append(user)
        return self._free.popleft() if self._free else None


class MachineRegister:
    """See ``UserRegister``: by /proc, and a file of locks, fcntl(2), where /run may be written."""

    def __init__(self, locks: str = LOCKS) -> None:
        self._path = locks
        self._fd: int | None = None

    def busy(self, users: UserRange) -> set[int]:
        found: set[int] = set()
        for name in os.listdir("/proc"):
            if name.isdigit():
                found.update(int(user) for user in _status(name).get("Uid", "").split() if int(user) in users)
        return found

    def lock(self, user: int) -> bool:
        if self._fd is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self._fd = os.open(self._path, flags, 0o600)
            except OSError:  # a container without /run: there is no other daemon in it
                self._fd = -1
        if self._fd < 0:
            return True
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, user)
        except OSError:
            return False
        return True

    def unlock(self, user: int) -> None:
        if self._fd is not None and self._fd >= 0:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, user)

    def clean(self, user: int) -> None:
        with contextlib.suppress(OSError), os.scandir(_SHARED_MEMORY) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid != user:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        os.unlink(entry.path)


def _status(process: str) -> dict[str, str]:
    """Return the fields of /proc/[pid]/status, proc(5); none if the process is gone."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as file:
            return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
    except OSError:
        return {}


def _is_mapped(users: UserRange, what: str) -> bool:
    """Return whether all of ``users`` are in this user namespace: user_namespaces(7)."""
    try:
        with open(f"{_MAPS}/{what}_map") as file:
            spans = sorted((int(start), int(count)) for start, _, count in map(str.split, file))
    except OSError:
        return True  # a kernel without user namespaces
    needed = users.first
    for start, count in spans:
        if start <= needed < start + count:
            needed = start + count
    return needed > users.last
