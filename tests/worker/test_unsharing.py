"""The worker's namespaces and its view of the file system, as root and as another user."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confined import confine
from harness import alive, children
from unshared import NOBODY, anybodys, need, unshared
from worker_driver import DrivenWorker

ALL = ("user", "mount", "pid", "ipc", "net")
USERS = pytest.mark.parametrize(
    ("kinds", "user"),
    [(ALL[1:], 0), (ALL, 0), (ALL, NOBODY)],
    ids=["root", "root with a user namespace", "another user"],
)


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a directory, of which the parent is hidden, with a file."""
    with anybodys() as folder:
        place = folder / "place"
        place.mkdir()
        place.chmod(0o777)
        (place / "file").write_text("content")
        yield place


@USERS
def test_only_what_is_named_exists(kinds: tuple[str, ...], user: int, place: Path) -> None:
    need(*kinds, user=user)
    beside = place.parent / "beside"
    beside.write_text("")
    seen = unshared(
        f"""
def content(path):
    try:
        return open(path).read()
    except OSError as error:
        return error.strerror
print(json.dumps([sorted(os.listdir("/")), os.listdir("/home"), os.listdir({str(place.parent)!r}),
    content({str(place / "file")!r}), content({str(beside)!r}), os.listdir("/root"), os.getcwd()]))
""",
        kinds,
        write=[str(place)],
        user=user,
    )
    assert {"dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "var"} <= set(seen[0])
    assert not {"old", ".old", "opt", "boot", "srv", "mnt"} & set(seen[0])
    assert seen[1:] == [[], [place.name], "content", "No such file or directory", [], "/"]


@USERS
def test_only_what_is_writable_can_be_written(kinds: tuple[str, ...], user: int, place: Path) -> None:
    need(*kinds, user=user)
    seen = unshared(
        f"""
import errno
def written(path):
    try:
        with open(path + "/made", "w"):
            return "written"
    except OSError as error:
        return errno.errorcode[error.errno]
print(json.dumps([written(path) for path in ({str(place)!r}, "/dev/shm", "/usr", "/etc", "/sys", "/proc/self")]))
""",
        kinds,
        write=[str(place)],
        user=user,
    )
    assert seen == ["written", "written", "EROFS", "EROFS", "EROFS", "ENOENT"]
    assert (place / "made").exists()
    assert not Path("/dev/shm/made").exists()


@USERS
def test_no_mount_gives_another_users_rights_or_devices(kinds: tuple[str, ...], user: int, place: Path) -> None:
    need(*kinds, user=user)
    mounts = unshared(
        """
lines = [line.split() for line in open("/proc/self/mountinfo")]
print(json.dumps([[line[4], line[5].split(",")] for line in lines]))
""",
        kinds,
        write=[str(place)],
        user=user,
    )
    attributes = dict(mounts)
    assert all("nosuid" in these for these in attributes.values()), mounts
    devices = {path for path, these in attributes.items() if "nodev" not in these}
    assert {"/dev/null", "/dev/pts", "/dev/tty"} <= devices
    assert all(path.startswith("/dev/") for path in devices)
    writable = {path for path, these in attributes.items() if "ro" not in these}
    assert writable == {"/", str(place), "/dev/shm", "/dev/pts"}  # a device of the machine keeps its mode and times


@USERS
def test_devices_terminals_and_shared_memory_are_its_own(kinds: tuple[str, ...], user: int) -> None:
    need(*kinds, user=user)
    terminal, other = os.openpty()
    with os.fdopen(terminal), os.fdopen(other):
        seen = unshared(
            """
import pty
terminal, other = pty.openpty()
with open("/dev/null", "w") as null, open("/dev/urandom", "rb") as random:
    null.write("x"), random.read(1)
print(json.dumps([sorted(os.listdir("/dev")), os.ttyname(other), os.listdir("/dev/shm"), os.readlink("/dev/fd")]))
""",
            kinds,
            user=user,
        )
    devices = ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"]
    assert seen == [[*devices, "tty", "urandom", "zero"], "/dev/pts/0", [], "/proc/self/fd"]


@USERS
def test_it_sees_only_its_own_processes_and_loopback(kinds: tuple[str, ...], user: int) -> None:
    need(*kinds, user=user)
    seen = unshared(
        """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
six = socket.create_server(("::1", 0), family=socket.AF_INET6) if socket.has_ipv6 else None
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as error:
    told = error.strerror
print(json.dumps([os.getpid(), [name for name in os.listdir("/proc") if name.isdigit()], told,
    [line.split(":")[0].strip() for line in open("/proc/net/dev")][2:]]))
""",
        kinds,
        user=user,
    )
    assert seen == [1, ["1"], "Network is unreachable", seen[3]]
    assert "lo" in seen[3]
    assert "eth0" not in seen[3]


def test_it_is_the_same_user_in_a_user_namespace() -> None:
    need(*ALL, user=NOBODY)
    code = "print(json.dumps([os.getuid(), os.getgid(), open('/proc/self/uid_map').read().split()]))"
    assert unshared(code, ALL, user=NOBODY) == [NOBODY, NOBODY, [str(NOBODY), str(NOBODY), "1"]]


def test_nothing_is_mounted_in_the_namespace_of_its_parent(place: Path) -> None:
    need("mount")
    before = Path("/proc/self/mountinfo").read_text()
    assert unshared("print(json.dumps(1))", ("mount",), write=[str(place)]) == 1
    assert Path("/proc/self/mountinfo").read_text() == before


def test_a_source_that_has_gone_is_left_out() -> None:
    need("mount")
    seen = {
        "at": "/tmp",
        "options": "size=1m",
        "steps": [["bind", "/no/such/place", ["ro"]], ["dir", "/x", 0o555], ["dir", "/x", 0o555]],
    }
    assert unshared("print(json.dumps(os.listdir('/')))", ("mount",), seen=seen) == ["x"]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (["dir", "/a/b", 0o555], "mkdir /a/b: No such file or directory"),
        (["link", "/a/b", "c"], "symlink /a/b: No such file or directory"),
        (["mount", "/a", "tmpfs", None, []], "tmpfs on /a: No such file or directory"),
        (["bind", "/usr/bin", ["ro"]], "place for /usr/bin: No such file or directory"),
    ],
)
def test_a_step_that_fails_is_named(step: list[object], why: str) -> None:
    need("mount")
    seen = {"at": "/tmp", "options": "size=1m", "steps": [step]}
    assert unshared("print(json.dumps('no error'))", ("mount",), seen=seen) == why


def test_a_namespace_that_is_refused_is_named() -> None:
    need("user", "mount", user=NOBODY)
    assert unshared("", ("mount", "ipc"), user=NOBODY) == "unshare mount,ipc: Operation not permitted"


@pytest.fixture
def strict(worker: DrivenWorker, firsts: list[int], tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a worker that has been told to be strictly confined; it ends with the test."""
    need("mount", "pid", "ipc", "net")
    given = confine(worker.python, tmp_path, tmp_path, "strict")
    worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "confine": given})
    yield worker
    worker.channel.close()
    for first in firsts:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)


@pytest.fixture
def firsts(worker: DrivenWorker, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the first processes of pid namespaces of which ``worker`` has told; the daemon would end them."""
    receive, told = worker.receive, list[int]()

    def received() -> Any:
        message = receive()
        if message is not None and message.get("first"):
            told.append(message["first"])
        return message

    monkeypatch.setattr(worker, "receive", received)
    return told


def wait_for_end(pid: int) -> None:
    """Wait until a process that is no child of the test has ended."""
    while alive(pid):
        os.sched_yield()


def test_a_worker_goes_on_as_its_child(strict: DrivenWorker) -> None:
    moved = strict.receive()
    assert moved is not None
    assert (moved["type"], [moved["first"], moved["pid"]]) == ("moved", children(strict.pid))
    strict.send({"type": "leave"})
    assert strict.receive() == {"type": "configured"}
    assert strict.process.wait() == 0
    code = "import os, sys; print(os.getpid(), len(os.listdir('/proc/self/fd'))); print('err', file=sys.stderr)"
    ran = strict.run(code)
    assert (ran.stdout.split()[0], ran.stderr) == ("2", "err\n")
    strict.start("print('on', flush=True)\nwhile True: pass")
    strict.until("on")
    os.kill(moved["pid"], signal.SIGINT)
    error = strict.finish().error
    assert error is not None
    assert error["name"] == "KeyboardInterrupt"
    child = "import os; child = os.fork() or os._exit(3); print(os.waitpid(child, 0)[1] >> 8)"
    assert strict.printed(child) == "3\n"
    strict.send({"type": "exit"})
    assert strict.receive() is None
    wait_for_end(moved["pid"])
    assert alive(moved["first"]), "the daemon ends it"


@pytest.mark.parametrize("answer", [{"type": "sync"}, None])
def test_a_child_does_not_go_on_unless_its_parent_may_leave(strict: DrivenWorker, answer: object) -> None:
    moved = strict.receive()
    assert moved is not None
    if answer is None:
        os.kill(strict.pid, signal.SIGKILL)
    else:
        strict.send({"type": "sync"})
    assert strict.receive() is None
    strict.process.wait()
    wait_for_end(moved["pid"])


def test_a_daemon_that_is_gone_ends_both(strict: DrivenWorker) -> None:
    moved = strict.receive()
    assert moved is not None
    strict.channel.shutdown(socket.SHUT_RDWR)
    assert strict.process.wait() in (0, 70)
    wait_for_end(moved["pid"])
