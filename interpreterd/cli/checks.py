"""The checks of ``doctor``: judge whether something is missing or limited on this machine."""

import enum
import platform
import resource
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from interpreterd.cli.kernel import CGROUP_ROOT, Kernel
from interpreterd.model.limits import size_in_words

FDS_PER_CONTEXT: Final = 3  # the worker's channel, its stdout, its stderr
FDS_KEPT: Final = 64  # for the daemon itself, and some for clients
MEMORY_PER_CONTEXT: Final = 10_000_000  # a spawned worker that has imported nothing
ENOUGH_CONTEXTS: Final = 100
LEAST_CONTEXTS: Final = 2


class CheckVerdict(enum.StrEnum):
    """The result of a check on this machine."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"


@frozen
class Finding:
    """One line of the report: the check, its verdict, the facts, and their meaning or a remedy."""

    check: str
    verdict: CheckVerdict
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"check": self.check, "verdict": self.verdict, "found": self.found, "advice": self.advice}


def daemon_python() -> Finding:
    """Judge the Python that runs this, and so the daemon."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    spec = find_spec("aiohttp")
    folders = (spec and spec.submodule_search_locations) or []
    if any(Path(folder).glob("_http_parser*.so") for folder in folders):
        return Finding("daemon's Python", CheckVerdict.OK, found)
    advice = "aiohttp has no compiled parts, which makes it half as slow again: install its binary wheel"
    return Finding("daemon's Python", CheckVerdict.LIMITED, found, advice)


def descriptors(kernel: Kernel) -> Finding:
    """Judge how many contexts the daemon has open files for; it raises the soft limit to the hard one."""
    hard = kernel.limit(resource.RLIMIT_NOFILE)
    advice = "raise the hard limit: ulimit -Hn, LimitNOFILE= of systemd"
    if hard is None:
        return Finding("descriptors", CheckVerdict.OK, "no limit")
    return _room("descriptors", f"{hard:,} open files", (hard - FDS_KEPT) // FDS_PER_CONTEXT, advice)


def processes(kernel: Kernel) -> Finding:
    """Judge how many more processes there may be; a context needs one."""
    limits: list[tuple[int, str]] = []
    user = kernel.limit(resource.RLIMIT_NPROC)
    if user is not None and not kernel.superuser():
        limits.append((user, "of this user (ulimit -u)"))
    limits += [(most - now, f"in {group} (pids.max)") for group, most, now in _bounds(kernel, "pids")]
    most = kernel.text("/proc/sys/kernel/pid_max")
    if most is not None:
        limits.append((int(most), "of the machine (kernel.pid_max)"))
    if not limits:
        return Finding("processes", CheckVerdict.OK, "no limit")
    room, where = min(limits)
    return _room("processes", f"{room:,} {where}", room, "raise that limit")


def memory(kernel: Kernel) -> Finding:
    """Judge how many contexts the free memory holds."""
    limits = [(most - now, f"in {group} (memory.max)") for group, most, now in _bounds(kernel, "memory")]
    for line in (kernel.text("/proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            limits.append((int(line.split()[1]) << 10, "available"))
    if not limits:
        return Finding("memory", CheckVerdict.LIMITED, "unknown", "/proc/meminfo cannot be read")
    room, where = min(limits)
    found = f"{size_in_words(max(room, 0) >> 20 << 20)} {where}"
    return _room("memory", found, room // MEMORY_PER_CONTEXT, "with --launcher fork a context needs a tenth of it")


def landlock(kernel: Kernel) -> Finding:
    """Judge whether a process can confine itself."""
    version = kernel.landlock()
    if isinstance(version, int):
        return Finding("Landlock", CheckVerdict.OK, f"version {version} of its interface")
    return Finding("Landlock", CheckVerdict.LIMITED, version, "code cannot confine itself to directories")


def cgroups(kernel: Kernel) -> Finding:
    """Judge whether this user may divide a cgroup."""
    group = kernel.cgroup()
    without = "the daemon enforces limits without them, by measuring four times a second"
    if group is None:
        return Finding("cgroups", CheckVerdict.LIMITED, "version 2 is not mounted", without)
    has = set((kernel.text(group / "cgroup.controllers") or "").split())
    if not kernel.writable(group):
        return Finding("cgroups", CheckVerdict.LIMITED, "version 2, not this user's (Delegate= of systemd)", without)
    if lacking := sorted({"cpu", "memory", "pids"} - has):
        return Finding("cgroups", CheckVerdict.LIMITED, f"version 2, without {', '.join(lacking)}", without)
    return Finding("cgroups", CheckVerdict.OK, "version 2, delegated, with cpu, memory, pids")


def pidfd(kernel: Kernel) -> Finding:
    """Judge whether the end of a process that is not a child can be awaited."""
    advice = "--exit-with-parent and --launcher fork need it: Linux 5.3, or a container that allows it"
    return _needed("pidfd_open", kernel.pidfd(), advice)


def subreaper(kernel: Kernel) -> Finding:
    """Judge whether the processes of a context stay below its worker."""
    return _needed("subreaper", kernel.subreaper(), "processes of a context could outlive it: needs Linux 3.4")


def sealed_memory(kernel: Kernel) -> Finding:
    """Judge whether the kernel allows the file in memory that holds the workers' source."""
    advice = "no worker can start: Linux 3.17, or a container that allows it"
    return _needed("memfd_create", kernel.sealed_memory(), advice)


def proc(kernel: Kernel) -> Finding:
    """Judge whether proc(5) shows the processes that limits and the end of a context need."""
    if kernel.text("/proc/self/stat") is None:
        return Finding("/proc", CheckVerdict.MISSING, "not mounted", "no worker can start: mount -t proc proc /proc")
    if not kernel.lists_children():
        advice = (
            "a process that leaves its process group outlives its context: needs a kernel with CONFIG_PROC_CHILDREN"
        )
        return Finding("/proc", CheckVerdict.LIMITED, "does not list children", advice)
    if kernel.hides_processes() or not kernel.sees_others():
        advice = "limits do not count processes that become another user or undumpable: mount /proc without hidepid="
        return Finding("/proc", CheckVerdict.LIMITED, "hides other users' processes", advice)
    return Finding("/proc", CheckVerdict.OK, "shows all processes, and their children")


KERNEL_CHECKS: Final[tuple[Callable[[Kernel], Finding], ...]] = (
    descriptors,
    processes,
    memory,
    landlock,
    cgroups,
    pidfd,
    subreaper,
    sealed_memory,
    proc,
)


def _needed(check: str, why_not: str | None, advice: str) -> Finding:
    if why_not is None:
        return Finding(check, CheckVerdict.OK, "works")
    return Finding(check, CheckVerdict.MISSING, why_not, advice)


def _room(check: str, found: str, contexts: int, advice: str) -> Finding:
    room = f"{found}: room for {max(contexts, 0):,} contexts"
    if contexts >= ENOUGH_CONTEXTS:
        return Finding(check, CheckVerdict.OK, room)
    return Finding(check, CheckVerdict.LIMITED if contexts >= LEAST_CONTEXTS else CheckVerdict.MISSING, room, advice)


def _bounds(kernel: Kernel, controller: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, limit and use of this process's cgroup and of its ancestors, if they have a limit."""
    group = kernel.cgroup()
    for folder in () if group is None else (group, *group.parents):
        most, now = kernel.text(folder / f"{controller}.max"), kernel.text(folder / f"{controller}.current")
        if most is not None and now is not None and most.strip() != "max":
            yield str(folder.relative_to(CGROUP_ROOT)), int(most), int(now)
        if folder == CGROUP_ROOT:
            break
