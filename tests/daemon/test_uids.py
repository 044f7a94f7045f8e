"""Each isolated context of a superuser's daemon has a user of its own, which has nothing but the context's files."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, Client, Daemon, gone
from leaving import holds
from standing import SharedDaemon, shared_daemon

from interpreterd.workers.isolation.acls import acl_bytes, of_mode

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser has users for contexts"),
]
# A Python that any user may run: the tests' own may be in a home directory.
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "python3"
FIRST = 1_000_000 + 32 * os.getpid()  # another process may run other tests of this file
# Docker's usual capabilities: moby, daemon/pkg/oci/caps/defaults.go
CONTAINERS = (
    "chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill "
    "audit_write"
)
FLAGS = ("--python", PYTHON, "--isolation", "standard")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Yield a directory that the superuser has made for contexts, below directories that all may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        made = Path(folder) / "place"
        made.mkdir()
        (Path(folder) / "own").mkdir()  # which only one test uses: the default context's user stays in lists
        (Path(folder) / "own" / "data").write_text("data")
        (Path(folder) / "own" / "data").chmod(0o640)
        yield made


@pytest.fixture(scope="module")
def shared(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon that has users for contexts."""
    flags = (*FLAGS, "--isolation-uids", f"{FIRST}-{FIRST + 15}", "--cwd", str(place))
    with shared_daemon(tmp_path_factory.mktemp("uids"), *flags) as daemon:
        yield daemon


async def told(client: Client, context: str, code: str) -> Any:
    """Return what ``code`` prints, as JSON."""
    ran = await client.run(f"import json, os\n{code}", context)
    assert ran.error is None, ran
    return json.loads(ran.stdout)


async def made(client: Client, **keys: Any) -> tuple[str, int]:
    """Return a new context and its user."""
    status, body = await client.request("POST", "/context", json=keys)
    assert status == 200, body
    (layer,) = (it for it in body["isolation"]["layers"] if it.startswith("uid:"))
    return str(body["id"]), int(layer.removeprefix("uid:"))


async def test_each_context_is_a_user_with_a_group_and_nothing_else(shared: SharedDaemon) -> None:
    async with Client(shared.url) as client:
        contexts = [await made(client) for _ in range(2)]
        users = {user for _, user in contexts}
        assert len(users) == 2
        for context, user in contexts:
            code = "print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups()]))"
            assert await told(client, context, code) == [[user] * 3, [user] * 3, []]
            await client.request("DELETE", f"/context/{context}")


async def test_its_code_works_in_its_directory_and_private_directories(shared: SharedDaemon, place: Path) -> None:
    code = """
import tempfile
with open("data", "a") as file:
    file.write(" and more")
for name in (os.environ["HOME"], os.environ["TMPDIR"]):
    open(name + "/made", "w").close()
os.makedirs("folder/inner")
os.rename("folder", "moved")
about = [os.stat(it) for it in (os.environ["HOME"], os.environ["TMPDIR"], "moved")]
print(json.dumps([[it.st_uid for it in about], [it.st_mode & 0o777 for it in about[:2]], open("data").read()]))
"""
    own = place.parent / "own"
    async with Client(shared.url) as client:
        context, user = await made(client, cwd=str(own))
        home = await told(client, context, "print(json.dumps(os.environ['HOME']))")
        assert await told(client, context, code) == [[user] * 3, [0o700] * 2, "data and more"]
        await client.request("DELETE", f"/context/{context}")
    data = str(own / "data")
    await holds(lambda: not os.path.exists(home) and os.stat(data).st_mode & 0o777 == 0o640)
    assert os.stat(data).st_uid == 0


async def test_one_context_has_no_rights_to_another(shared: SharedDaemon) -> None:
    """Each of these would succeed if the two had the same user, though Landlock would refuse some."""
    async with Client(shared.url) as client:
        (first, _), (second, _) = await made(client), await made(client)
        their = await told(client, first, "print(json.dumps([os.getpid(), os.environ['HOME']]))")
        code = f"""
pid, home = {their!r}
def refused(act):
    try:
        act()
    except (PermissionError, ProcessLookupError, FileNotFoundError):  # or they are not seen at all
        return True
print(json.dumps([refused(it) for it in (
    lambda: os.kill(pid, 0),
    lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0)),
    lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
    lambda: open(f"/proc/{{pid}}/environ", "rb").read(),
    lambda: os.listdir(home),
    lambda: os.chmod(home, 0o777),
    lambda: os.utime(home),
)]))
"""
        assert await told(client, second, code) == [True] * 7
        for it in (first, second):
            await client.request("DELETE", f"/context/{it}")


async def test_clients_files_are_those_of_the_contexts_user(shared: SharedDaemon, place: Path) -> None:
    async with Client(shared.url) as client:
        context, user = await made(client)
        async with client.http.put(client.base + f"/context/{context}/files/up/load", data=b"sent") as response:
            assert response.status == 201
        code = "print(json.dumps([open('up/load').read(), os.stat('up/load').st_uid, os.stat('up').st_uid]))"
        assert await told(client, context, code) == ["sent", user, user]
        await asyncio.to_thread((place / "later").write_text, "the superuser's")
        await asyncio.to_thread(os.setxattr, place / "later", "system.posix_acl_access", minimal(0o600))
        refusals = [
            await client.request("GET", f"/context/{context}/files/later"),
            await told(
                client, context, "try: open('later')\nexcept OSError as error: print(json.dumps(error.strerror))"
            ),
        ]
        assert refusals == [
            (403, {"error": "Permission denied: later", "code": "permission_denied"}),
            "Permission denied",
        ]
        await client.request("DELETE", f"/context/{context}")


def minimal(mode: int) -> bytes:
    return acl_bytes(of_mode(mode))


async def test_the_default_context_has_a_user_too_also_when_its_files_come_first(shared: SharedDaemon) -> None:
    async with Client(shared.url) as client:
        async with client.http.put(client.base + "/context/default/files/first", data=b"") as response:
            assert response.status == 201
        mine = await told(client, "default", "print(json.dumps([os.getuid(), os.stat('first').st_uid]))")
        assert mine[0] == mine[1] != 0
        await client.request("POST", "/context/default/restart")
        assert await told(client, "default", "print(json.dumps(os.getuid()))") == mine[0]


async def test_the_range_is_a_limit_and_a_user_is_free_again_after_its_context(
    start_daemon: Callable[..., Awaitable[Daemon]], place: Path
) -> None:
    users = f"{FIRST + 16}-{FIRST + 17}"
    daemon = await start_daemon(*FLAGS, "--isolation-uids", users, "--cwd", str(place))
    async with Client(daemon.url) as client:
        first, second = await made(client), await made(client)
        assert first[1] != second[1]
        status, body = await client.request("POST", "/context", json={})
        sentence = "No user is left for another isolated context: the limit of --isolation-uids is 2"
        assert (status, body) == (503, {"error": sentence, "code": "limit_reached"})
        await client.request("DELETE", f"/context/{first[0]}")
        while (await client.request("POST", "/context", json={}))[0] != 200:
            pass  # it takes a moment on a busy machine
        (third,) = [it for it in (await client.request("GET", "/context"))[1]["contexts"] if it["id"] != second[0]]
        assert third["isolation"]["layers"][-1] == f"uid:{first[1]}"


@pytest.mark.parametrize("cwd", ["/etc", "/root"])
async def test_the_systems_directories_and_homes_are_not_opened_to_a_user(shared: SharedDaemon, cwd: str) -> None:
    async with Client(shared.url) as client:
        status, body = await client.request("POST", "/context", json={"cwd": cwd})
    assert (status, body["code"]) == (400, "invalid_cwd")


async def test_a_context_without_isolation_is_the_daemons_user(
    start_daemon: Callable[..., Awaitable[Daemon]], place: Path
) -> None:
    daemon = await start_daemon("--isolation-uids", f"{FIRST + 20}-{FIRST + 20}", "--python", PYTHON)
    async with Client(daemon.url) as client:
        assert await told(client, await client.create(), "print(json.dumps(os.getuid()))") == 0
        context, user = await made(client, isolation="standard", cwd=str(place))
        assert await told(client, context, "print(json.dumps(os.getuid()))") == user == FIRST + 20


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ("0-5", "must be FIRST-LAST, two numbers of users from 1 to 4294967294, for example 100000-165535"),
        ("65534-65534", "must hold no user or group of this machine, and holds "),
    ],
)
async def test_a_range_that_cannot_be_used_is_a_mistake(
    start_daemon: Callable[..., Awaitable[Daemon]], users: str, reason: str
) -> None:
    daemon = await start_daemon("--isolation-uids", users)
    assert daemon.process.returncode == 2
    assert daemon.log.decode().startswith(f"interpreterd serve: error: argument --isolation-uids: {reason}")
    assert daemon.log.count(b"\n") == 1


async def test_a_root_with_a_containers_capabilities_has_users_too(
    start_daemon: Callable[..., Awaitable[Daemon]], place: Path
) -> None:
    """It can make no namespaces, and may not look into processes of other users, except with their rights."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv(1) is not installed")
    bounds = "-all," + ",".join(f"+{name}" for name in CONTAINERS.split())
    command = [str(shutil.which("setpriv")), "--bounding-set", bounds, str(COMMAND)]
    daemon = await start_daemon(
        *FLAGS, "--isolation-uids", f"{FIRST + 24}-{FIRST + 25}", "--cwd", str(place), command=command
    )
    code = """
import socket, subprocess
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
    server.accept()[0].sendall(b"its own")
    told = sock.recv(9).decode()
open("made", "w").close()
print(json.dumps([os.getuid(), told, subprocess.check_output("id -u; echo x >/dev/stderr", shell=True, text=True)]))
"""
    async with Client(daemon.url) as client:
        context, user = await made(client, limits={"memoryBytes": 256 << 20, "processes": 20})
        assert await told(client, context, code) == [user, "its own", f"{user}\n"]
        ran = await client.run("import time\nwhile True: time.sleep(9)", context, timeout=1)
        assert ran.controls == ["interrupted"]
        ran = await client.run(
            "x = [bytearray(b'x') * (20 << 20) for _ in range(20)]\nimport time; time.sleep(9)", context
        )
        assert ran.error is not None
        assert ran.error["value"] == "memory limit of 256 MiB exceeded"
        await client.run("import os\nif not os.fork(): time.sleep(99)", context)
        left = await asyncio.to_thread(pids_of, user)
        assert len(left) == 2
        await client.request("DELETE", f"/context/{context}")
        await gone(*left)


def pids_of(user: int) -> list[int]:
    """Return the processes of a user."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if f"\nUid:\t{user}\t" in Path(f"/proc/{name}/status").read_text():
                found.append(int(name))
    return found
