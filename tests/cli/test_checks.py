"""The verdicts of ``doctor`` on the kernel's answers."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from interpreterd.cli import checks
from interpreterd.cli.checks import KERNEL_CHECKS, CheckVerdict, Finding
from interpreterd.cli.kernel import Kernel

OK, LIMITED, MISSING = CheckVerdict.OK, CheckVerdict.LIMITED, CheckVerdict.MISSING


@attrs.define
class Fake(Kernel):
    """A kernel with the answers that a test sets; all other answers are the best possible."""

    limits: dict[int, int | None] = attrs.field(factory=dict)
    files: dict[str, str | None] = attrs.field(factory=dict)
    root: bool = False
    writes: bool = True
    landlocked: int | str = 6
    fails: str | None = None
    group: Path | None = Path("/sys/fs/cgroup/a/b")

    def limit(self, which: int) -> int | None:
        return self.limits.get(which, 1 << 20)

    def text(self, path: str | Path) -> str | None:
        best = {
            "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   8388608 kB\n",
            "/proc/sys/kernel/pid_max": "4194304\n",
            "/sys/fs/cgroup/a/b/cgroup.controllers": "cpuset cpu io memory pids\n",
        }
        name = str(path)
        return self.files[name] if name in self.files else best.get(name, "0" if name.startswith("/proc") else None)

    def writable(self, path: str | Path) -> bool:
        return self.writes

    def superuser(self) -> bool:
        return self.root

    def landlock(self) -> int | str:
        return self.landlocked

    def pidfd(self) -> str | None:
        return self.fails

    def subreaper(self) -> str | None:
        return self.fails

    def sealed_memory(self) -> str | None:
        return self.fails

    def cgroup(self) -> Path | None:
        return self.group


Check = Callable[[Kernel], Finding]
GROUP = "/sys/fs/cgroup/a"
VERDICTS: dict[str, tuple[Check, Fake, CheckVerdict, str]] = {
    "few descriptors": (checks.descriptors, Fake(limits={resource.RLIMIT_NOFILE: 256}), LIMITED, "for 64 contexts"),
    "no descriptors": (checks.descriptors, Fake(limits={resource.RLIMIT_NOFILE: 50}), MISSING, "for 0 contexts"),
    "all descriptors": (checks.descriptors, Fake(limits={resource.RLIMIT_NOFILE: None}), OK, "no limit"),
    "few processes": (checks.processes, Fake(limits={resource.RLIMIT_NPROC: 64}), LIMITED, "64 of this user"),
    "root's processes": (checks.processes, Fake(limits={resource.RLIMIT_NPROC: 64}, root=True), OK, "4,194,304"),
    "a cgroup's processes": (
        checks.processes,
        Fake(files={f"{GROUP}/pids.max": "100\n", f"{GROUP}/pids.current": "99\n"}),
        MISSING,
        "1 in a (pids.max)",
    ),
    "a cgroup without a limit": (
        checks.processes,
        Fake(files={f"{GROUP}/pids.max": "max\n", f"{GROUP}/pids.current": "99\n"}),
        OK,
        "1,048,576 of this user",
    ),
    "little memory": (
        checks.memory,
        Fake(files={"/proc/meminfo": "MemAvailable: 524288 kB\n"}),
        LIMITED,
        "512 MiB available: room for 53 contexts",
    ),
    "a cgroup's memory": (
        checks.memory,
        Fake(files={f"{GROUP}/memory.max": str(1 << 30), f"{GROUP}/memory.current": str(1 << 30)}),
        MISSING,
        "in a (memory.max)",
    ),
    "unknown memory": (checks.memory, Fake(files={"/proc/meminfo": None}), LIMITED, "unknown"),
    "no Landlock": (checks.landlock, Fake(landlocked="this kernel is built without it"), LIMITED, "built without"),
    "no cgroups": (checks.cgroups, Fake(group=None), LIMITED, "not mounted"),
    "cgroups of others": (checks.cgroups, Fake(writes=False), LIMITED, "not this user's"),
    "half a cgroup": (
        checks.cgroups,
        Fake(files={"/sys/fs/cgroup/a/b/cgroup.controllers": "memory"}),
        LIMITED,
        "without cpu, pids",
    ),
    "no pidfd": (checks.pidfd, Fake(fails="Function not implemented"), MISSING, "Function not implemented"),
    "no subreaper": (checks.subreaper, Fake(fails="Invalid argument"), MISSING, "Invalid argument"),
    "no memfd": (checks.sealed_memory, Fake(fails="Operation not permitted"), MISSING, "not permitted"),
    "no /proc": (checks.proc, Fake(files={"/proc/self/stat": None}), MISSING, "not mounted"),
    "no children": (
        checks.proc,
        Fake(files={f"/proc/self/task/{os.getpid()}/children": None}),
        LIMITED,
        "does not list children",
    ),
    "hidden processes": (checks.proc, Fake(files={f"/proc/{os.getppid()}/stat": None}), LIMITED, "hides"),
}


@pytest.mark.parametrize(("check", "kernel", "verdict", "found"), VERDICTS.values(), ids=VERDICTS)
def test_a_verdict(check: Check, kernel: Fake, verdict: CheckVerdict, found: str) -> None:
    finding = check(kernel)
    assert finding.verdict is verdict
    assert found in finding.found
    assert verdict is OK or finding.advice


def test_a_good_machine_lacks_nothing() -> None:
    assert {check(Fake()).verdict for check in KERNEL_CHECKS} == {OK}
    assert checks.daemon_python().verdict is OK
