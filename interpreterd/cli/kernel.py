"""The questions of ``doctor`` to the kernel. Each answer is plain data, so that a test can give other answers."""

import ctypes
import errno
import fcntl
import os
import resource
from pathlib import Path
from typing import Final

from interpreterd.processes.nursery import PR_SET_CHILD_SUBREAPER

LANDLOCK_CREATE_RULESET: Final = 444  # the number is the same on every architecture that Python runs on
LANDLOCK_CREATE_RULESET_VERSION: Final = 1  # landlock_create_ruleset(2)
PR_GET_CHILD_SUBREAPER: Final = 37  # prctl(2)
CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
_TEXT_LIMIT_BYTES: Final = 1 << 20


class Kernel:
    """Answers of the running kernel."""

    def limit(self, which: int) -> int | None:
        """Return a hard limit, one of ``resource.RLIMIT_…``; None for infinity."""
        hard = resource.getrlimit(which)[1]
        return None if hard == resource.RLIM_INFINITY else hard

    def text(self, path: str | Path) -> str | None:
        """Return the text of a file of proc(5) or cgroups(7); None if it cannot be read."""
        try:
            with open(path, "rb") as file:
                return file.read(_TEXT_LIMIT_BYTES).decode(errors="replace")
        except OSError:
            return None

    def writable(self, path: str | Path) -> bool:
        """Whether this user may make files in a directory."""
        return os.access(path, os.W_OK | os.X_OK)

    def superuser(self) -> bool:
        """Whether RLIMIT_NPROC does not count; setrlimit(2)."""
        return os.geteuid() == 0

    def landlock(self) -> int | str:
        """Return the version of Landlock's interface, or the reason why there is none."""
        library = ctypes.CDLL(None, use_errno=True)
        version: int = library.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
        if version > 0:
            return version
        why = {errno.ENOSYS: "this kernel is built without it", errno.EOPNOTSUPP: "it is switched off at boot (lsm=)"}
        return why.get(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def pidfd(self) -> str | None:
        """Return why pidfd_open(2) fails; None if it does not."""
        try:
            os.close(os.pidfd_open(os.getpid()))
        except OSError as error:
            return error.strerror
        return None

    def subreaper(self) -> str | None:
        """Return why a process cannot become a subreaper; None if it can. Leaves it as it was."""
        library = ctypes.CDLL(None, use_errno=True)
        before = ctypes.c_int()
        if library.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0):
            return os.strerror(ctypes.get_errno())
        if library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            return os.strerror(ctypes.get_errno())
        library.prctl(PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)
        return None

    def sealed_memory(self) -> str | None:
        """Return why there is no sealed file in memory, memfd_create(2); None if there can be one."""
        try:
            fd = os.memfd_create("interpreterd-doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError as error:
            return error.strerror
        try:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        except OSError as error:
            return error.strerror
        finally:
            os.close(fd)
        return None

    def sees_others(self) -> bool:
        """Whether proc(5) shows a process other than this one: its parent, or else process 1."""
        return self.text(f"/proc/{os.getppid() or 1}/stat") is not None

    def hides_processes(self) -> bool:
        """Whether proc(5) is mounted with ``hidepid``, and hides processes that this user may not trace: ptrace(2)."""
        options: dict[str, str] = {}
        for line in (self.text("/proc/self/mountinfo") or "").splitlines():
            mount, _, source = line.partition(" - ")
            if mount.split()[4:5] == ["/proc"]:  # the last mount is the visible one
                options = dict(option.partition("=")[::2] for option in source.split()[-1].split(","))
        hidepid = options.get("hidepid", "off")
        if hidepid in ("0", "off") or self.superuser():
            return False
        return hidepid in ("4", "ptraceable") or int(options.get("gid", "0")) not in self.groups()

    def groups(self) -> set[int]:
        """Return the groups of this process."""
        return {os.getegid(), *os.getgroups()}

    def lists_children(self) -> bool:
        """Whether proc(5) lists a process's children (CONFIG_PROC_CHILDREN)."""
        return self.text(f"/proc/self/task/{os.getpid()}/children") is not None

    def cgroup(self) -> Path | None:
        """Return the directory of this process's cgroup, version 2; None if that is not mounted."""
        for line in (self.text("/proc/self/cgroup") or "").splitlines():
            if line.startswith("0::/") and (CGROUP_ROOT / "cgroup.controllers").exists():
                return CGROUP_ROOT / line[4:]
        return None
