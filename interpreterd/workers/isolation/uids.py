"""The layer ``uid``: a user, and a group of the same number, for each isolated context of a superuser's daemon.

What no other layer sees, the kernel's ordinary checks of permissions then refuse: signals, limits and priorities of
others, their files, their shared memory. The daemon keeps its own rights.
"""

import contextlib
import fcntl
import grp
import os
import pwd
import re
import threading
from collections import deque
from collections.abc import Generator
from typing import Final, Protocol

from attrs import frozen

from interpreterd.model.errors import LimitReached

LOCKS: Final = "/run/interpreterd-users"  # a byte for each user: daemons with the same range share it
_LAST: Final = (1 << 32) - 2  # -1 means nobody in system calls
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


@frozen
class UserRange:
    """Users from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __contains__(self, user: object) -> bool:
        return isinstance(user, int) and self.first <= user <= self.last

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def user_range(text: str) -> UserRange:
    """Return the range in ``text``: a kind of settings."""
    found = re.fullmatch(r"\s*([0-9]{1,10})\s*-\s*([0-9]{1,10})\s*", text, re.ASCII)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 0 < first <= last <= _LAST:
        raise ValueError(f"must be FIRST-LAST, two numbers of users from 1 to {_LAST}, for example 100000-165535")
    return UserRange(first, last)


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


class Register(Protocol):
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
    """Gives each isolated context a user that no other one has. Its functions block, for a thread.

    A user that a context had comes last: its number is used again only when no process has it any more.
    """

    def __init__(self, users: UserRange, register: Register | None = None) -> None:
        self.range = users
        self._register = register or MachineRegister()
        self._next = users.first
        self._resting: deque[int] = deque()
        self._busy: set[int] | None = None
        self._turn = threading.Lock()
        self.living: set[int] = set()

    def take(self) -> int:
        """Return a user until ``give_back``. Raises ``LimitReached``."""
        with self._turn:
            # Closed at once: it must not go on with a user that is taken.
            with contextlib.closing(self._free()) as free:
                for user in free:
                    if self._register.lock(user):
                        self.living.add(user)
                        return user
            raise LimitReached(
                f"no user is left for another isolated context: the limit of --isolation-uids is {len(self.range)}"
            )

    def give_back(self, user: int) -> None:
        """The context of ``user`` has ended: its processes and private files are gone, as far as is known."""
        with self._turn:
            self.living.discard(user)
            self._resting.append(user)
            self._register.unlock(user)

    def _free(self) -> Generator[int, None, None]:
        """Find users that no process has; those that were not yet used first. One that is passed over rests."""
        if self._busy is None:  # another daemon may have died, and its contexts not yet
            self._busy = self._register.busy(self.range)
        while self._next <= self.range.last:
            user = self._next
            self._next += 1
            if user not in self._busy:
                yield user
            self._resting.append(user)
        if not self._resting:
            return
        busy = self._register.busy(self.range)
        for _ in range(len(self._resting)):
            user = self._resting.popleft()
            if user not in busy:
                self._register.clean(user)
                yield user
            self._resting.append(user)


class MachineRegister:
    """See ``Register``: by /proc, and a file of locks, fcntl(2), where /run may be written."""

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
                    if entry.stat(follow_symlinks=False).st_uid == user and entry.is_file(follow_symlinks=False):
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
