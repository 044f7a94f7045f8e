"""Targets of attacks on this machine: files, processes and servers that are made for them, and removed afterwards."""

import contextlib
import ctypes
import hashlib
import os
import pty
import secrets
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from interpreterd.cli.attacks.in_context.attacker import call
from interpreterd.cli.attacks.servers import servers, shared_objects
from interpreterd.cli.kernel import CGROUP_ROOT, Kernel

SECRET_VARIABLE: Final = "DOCTORS_SECRET"
OTHER_IDS: Final = (65533, 65532)  # of users and groups that own nothing
HANDLE_BYTES: Final = 128
# It counts SIGWINCH, which otherwise does nothing, and tells how often it came when it is asked.
_STRANGER: Final = """
import signal, sys
count = 0
def on_signal(*_):
    global count
    count += 1
signal.signal(signal.SIGWINCH, on_signal)
print("ready", flush=True)
for line in sys.stdin:
    signal.getsignal(signal.SIGWINCH)  # a call, at which a signal that has come is handled
    print(count, flush=True)
"""
SERVICES: Final = (
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/run/systemd/journal/stdout",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/udev/control",
)


def started(pid: int) -> tuple[int, int]:
    """Return a pid and the start time of its process, which are never the same for two processes."""
    return pid, int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@frozen
class Ground:
    """The targets that do not belong to a context.

    Attributes:
        base: A directory of the daemon's user. Contexts may get directories below it.
        secret: A text that nothing else has.
        targets: What the code of attacks needs to find them.
    """

    base: Path
    secret: str
    targets: dict[str, Any]
    _stranger: subprocess.Popen[str] = field(repr=False)

    def signals(self) -> int:
        """Return how many signals the program of the machine has received."""
        assert self._stranger.stdin is not None
        assert self._stranger.stdout is not None
        self._stranger.stdin.write("\n")
        self._stranger.stdin.flush()
        return int(self._stranger.stdout.readline())

    def renew(self) -> None:
        """Make again what an attack may have changed, moved or removed."""
        outside = self.base / "outside"
        for path in outside.glob("made-*"):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        (outside / "file").write_text("text")
        (outside / "file").chmod(0o600)
        (outside / "movable").touch(0o600)
        (outside / "removable").touch(0o600)
        (outside / "removable-directory").mkdir(exist_ok=True)


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Make the targets for the block."""
    with contextlib.ExitStack() as until:
        base = Path(tempfile.mkdtemp(prefix="interpreterd-attacks-"))
        until.callback(shutil.rmtree, base, ignore_errors=True)
        base.chmod(0o711)
        for name in ("outside", "home", "tmp", "daemon"):
            (base / name).mkdir(mode=0o700)
        secret, token = secrets.token_hex(16), secrets.token_hex(8)
        stranger = until.enter_context(_stranger())
        targets = {
            **_files(base / "outside", secret),
            **until.enter_context(servers(base / "outside", token)),
            **until.enter_context(shared_objects(token)),
            **until.enter_context(_terminal()),
            "markers": until.enter_context(_markers(token)),
            "token": token,
            "shared_file": f"interpreterd-{token}",
            "variable": SECRET_VARIABLE[::-1],
            "digest": hashlib.sha256(secret.encode()).hexdigest(),
            "home": os.path.expanduser("~"),
            "cgroups": _cgroups(),
            "entries": _entries(),
            "services": [it for it in SERVICES if os.path.exists(it)],
            "stranger": started(stranger.pid),
            "init": started(1),
            "pid_namespace": os.stat("/proc/self/ns/pid").st_ino,
            "net_namespace": os.stat("/proc/self/ns/net").st_ino,
            "other_id": next(it for it in OTHER_IDS if it != os.getuid()),
        }
        yield Ground(base, secret, targets, stranger)


def _files(outside: Path, secret: str) -> dict[str, Any]:
    names = ("secret", "file", "link", "fifo", "program", "movable", "removable", "removable-directory")
    paths = {name.replace("-", "_"): str(outside / name) for name in names}
    for name, text, mode in (("secret", secret, 0o600), ("program", "#!/bin/sh\nexit 0\n", 0o700)):
        (outside / name).write_text(text)
        (outside / name).chmod(mode)
    os.symlink("secret", paths["link"])
    os.mkfifo(paths["fifo"], 0o600)
    kind, handle = _handle(paths["secret"])
    return {**paths, "outside": str(outside), "handle": list(handle), "handle_kind": kind}


def _handle(path: str) -> tuple[int, bytes]:
    """Return kind and bytes of a file's handle; no bytes if there is none: name_to_handle_at(2)."""
    buffer = ctypes.create_string_buffer(struct.pack("Ii", HANDLE_BYTES, 0), 8 + HANDLE_BYTES)
    mount = ctypes.c_int()
    try:
        call("name_to_handle_at", -100, path.encode(), buffer, ctypes.byref(mount), 0)
    except OSError:
        return 0, b""
    size, kind = struct.unpack_from("Ii", buffer.raw)
    return kind, buffer.raw[8 : 8 + size]


@contextlib.contextmanager
def _stranger() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", _STRANGER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.stdin.close()


@contextlib.contextmanager
def _terminal() -> Iterator[dict[str, Any]]:
    master, slave = pty.openpty()
    about = os.fstat(slave)
    try:
        yield {"terminal": os.ttyname(slave), "terminal_inode": about.st_ino, "terminal_dev": about.st_dev}
    finally:
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def _markers(token: str) -> Iterator[list[str]]:
    """Make a file in each directory that all users share."""
    paths = [Path(folder, f"interpreterd-{token}") for folder in ("/tmp", "/var/tmp", "/dev/shm")]
    made: list[str] = []
    try:
        for path in paths:
            with contextlib.suppress(OSError):
                path.touch(0o600, exist_ok=False)
                made.append(str(path))
        yield [path for path in made if not path.startswith("/dev/shm/")]
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _entries() -> dict[str, list[str]]:
    """Return what this user sees in directories that are no business of contexts."""
    found: dict[str, list[str]] = {}
    for path in ("/var/lib", "/var/log", "/srv", "/run", "/home", "/etc", "/boot", "/"):
        with contextlib.suppress(OSError):
            found[path] = os.listdir(path)
    return found


def _cgroups() -> list[str]:
    """Return the files by which a process would move into this process's cgroup and the root one."""
    group = Kernel().cgroup()
    return [str(it / "cgroup.procs") for it in ([CGROUP_ROOT] if group is None else [CGROUP_ROOT, group])]
