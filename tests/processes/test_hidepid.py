"""Where proc(5) hides processes, limits hold for the visible ones, and the daemon reports the others."""

import os
import subprocess
import sys

import pytest

from interpreterd.cli.checks import CheckVerdict, proc
from interpreterd.cli.kernel import Kernel

NOBODY = 65534
# Mounts proc(5) for itself alone, becomes the user ``nobody``, starts a child with memory, and prints what it sees.
LOOK = """
import ctypes, os, signal, sys
from interpreterd.model.limits import Limits
from interpreterd.processes.measurement import Measurement
from interpreterd.processes.usage import Snapshot
from interpreterd.workers.watcher import Watch
CLONE_NEWNS, MS_REC, MS_PRIVATE, PR_SET_DUMPABLE = 0x20000, 0x4000, 1 << 18, 4
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
    sys.exit(77)
if libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=" + sys.argv[1].encode()):
    sys.exit(77)
os.setgroups([])
os.setresgid(*[NOBODY] * 3)
os.setresuid(*[NOBODY] * 3)
libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
read, write = os.pipe()
child = os.fork()
if child == 0:
    data = bytearray(b"x") * (64 << 20)
    os.write(write, b"x")
    signal.pause()
try:
    os.read(read, 1)
    family = Snapshot().family(os.getpid())
    measurement = Measurement(family, None, 60)
    measurement.go_on()
    excess = Watch(os.getpid(), Limits(processes=1), print).judge(Snapshot())
    print(sorted(it.pid for it in family) == sorted([os.getpid(), child]), measurement.bytes >> 20 >= 64, excess.what)
    print([it.pid for it in Snapshot().family(1)[:1] if it.pid == 1])
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    sys.stdout.flush()  # or its copy would be printed, too
    if os.fork() == 0:  # it sees only itself
        watch = Watch(os.getppid(), Limits(cpu_s=1), print)
        print(watch.judge(Snapshot()), watch.judge(Snapshot()), flush=True)
        os._exit(0)
    os.wait()
finally:
    os.kill(child, signal.SIGKILL)
""".replace("NOBODY", str(NOBODY))


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may mount")
@pytest.mark.parametrize("hidepid", ["1", "2", "4"])
def test_limits_hold_though_other_users_are_hidden(hidepid: str) -> None:
    looked = subprocess.run([sys.executable, "-c", LOOK, hidepid], capture_output=True, text=True, check=False)
    if looked.returncode == 77:
        pytest.skip("no mount namespaces here")
    hidden = "Excess(what='its limits cannot be checked: its process is hidden', execution_id=None)"
    assert looked.stdout.splitlines() == ["True True process limit of 1 exceeded", "[]", f"None {hidden}"], (
        looked.stderr
    )


# The check of ``doctor``


class Mounted(Kernel):
    """A kernel whose second mount of proc(5) has ``options``. The user that asks is in ``groups``."""

    def __init__(self, options: str, *groups: int, shown: bool = False) -> None:
        self._options = options
        self._groups = groups
        self._shown = shown

    def text(self, path: object) -> str | None:
        """Return the text of a file, or ``None``."""
        if path == "/proc/self/mountinfo":
            return (
                "21 1 0:5 / /sys rw - sysfs sysfs rw,hidepid=2\n"
                "22 1 0:6 / /proc rw,relatime shared:5 - proc proc rw\n"
                f"23 1 0:7 / /proc rw,relatime - proc proc {self._options}\n"
            )
        return "" if "self" in str(path) or self._shown else None

    def groups(self) -> set[int]:
        """Return the groups of the user that asks."""
        return set(self._groups)

    def superuser(self) -> bool:
        return False

    def lists_children(self) -> bool:
        return True


MOUNTED = {
    "not hidden": (Mounted("rw", shown=True), CheckVerdict.OK),
    "switched off": (Mounted("rw,hidepid=off", shown=True), CheckVerdict.OK),
    "hidden by other means": (Mounted("rw"), CheckVerdict.LIMITED),
    "invisible": (Mounted("rw,hidepid=invisible", 5), CheckVerdict.LIMITED),
    "invisible, but the parent is of the same user": (
        Mounted("rw,hidepid=invisible", 5, shown=True),
        CheckVerdict.LIMITED,
    ),
    "as older kernels write it": (Mounted("rw,hidepid=2", 5, shown=True), CheckVerdict.LIMITED),
    "not to be read": (Mounted("rw,hidepid=noaccess", 5, shown=True), CheckVerdict.LIMITED),
    "where no group helps": (Mounted("rw,hidepid=ptraceable", 0, shown=True), CheckVerdict.LIMITED),
    "in the group": (Mounted("rw,gid=7,hidepid=invisible", 5, 7, shown=True), CheckVerdict.OK),
    "in another group": (Mounted("rw,gid=7,hidepid=invisible", 0, 5, shown=True), CheckVerdict.LIMITED),
    "in the group if none is named": (Mounted("rw,hidepid=invisible", 0, shown=True), CheckVerdict.OK),
}


@pytest.mark.parametrize(("kernel", "verdict"), MOUNTED.values(), ids=MOUNTED)
def test_doctor_says_whether_processes_are_hidden(kernel: Kernel, verdict: CheckVerdict) -> None:
    finding = proc(kernel)
    assert finding.verdict is verdict
    assert (verdict is CheckVerdict.OK) == (finding.advice == "")
