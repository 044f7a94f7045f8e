"""Forks of isolated contexts: what they share with their original, what is their own, and what is left in the end."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Client
from standing import SharedDaemon, shared_daemon

Standing = Callable[..., SharedDaemon]
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "python3"  # which any user may run
FIRST = 1_500_000 + 32 * os.getpid()  # another process may run these tests as well


def is_there(path: "str | Path") -> bool:
    """Return whether there is a directory."""
    return os.path.isdir(path)


async def told(client: Client, context: str, code: str) -> Any:
    """Return what ``code`` prints, as JSON."""
    ran = await client.run(f"import json, os\n{code}", context)
    assert ran.error is None, ran
    return json.loads(ran.stdout)


async def forked(client: Client, context: str, **keys: Any) -> list[dict[str, Any]]:
    """Return the forks of a context."""
    status, body = await client.request("POST", f"/context/{context}/fork", json=keys)
    assert status == 200, body
    return list(body["contexts"])


@pytest.fixture(params=["standard", "strict", "fork launcher"])
async def isolated(request: pytest.FixtureRequest, standing: Standing) -> AsyncIterator[Client]:
    """Yield a client of a daemon that isolates its contexts."""
    flags = {
        "standard": ("--isolation", "standard"),
        "strict": ("--isolation", "strict"),
        "fork launcher": ("--isolation", "standard", "--launcher", "fork"),
    }
    async with Client(standing(*flags[request.param]).url) as client:
        yield client


async def test_a_fork_shares_home_with_its_original_and_outlives_it(isolated: Client, tmp_path: Path) -> None:
    original = await isolated.create(cwd=str(tmp_path))
    code = "open(os.environ['HOME'] + '/kept', 'w').write('1'); x = 1; print(json.dumps(os.environ['HOME']))"
    home = Path(await told(isolated, original, code))
    first, second = await forked(isolated, original, count=2)
    shown = (await isolated.request("GET", f"/context/{original}"))[1]
    assert first["isolation"] == second["isolation"] == shown["isolation"]
    await isolated.request("DELETE", f"/context/{original}")
    for fork in (first, second):
        read = "print(json.dumps([x, open(os.environ['HOME'] + '/kept').read()]))"
        assert await told(isolated, fork["id"], read) == [1, "1"]
    await isolated.request("DELETE", f"/context/{first['id']}")
    assert home.name == "home"
    parent = home.parent
    assert await told(isolated, second["id"], "print(json.dumps(os.listdir(os.environ['HOME'])))") == ["kept"]
    assert is_there(parent)
    await isolated.request("DELETE", f"/context/{second['id']}")
    assert not is_there(parent)


async def test_a_fork_may_have_a_directory_of_its_own(isolated: Client, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data").write_text("original")
    original = await isolated.create(cwd=str(tmp_path))
    await isolated.run("import os; os.chdir('sub'); x = 1", original)
    (fork,) = await forked(isolated, original, cwd="copy")
    assert fork["cwd"] != str(tmp_path)
    assert await told(isolated, fork["id"], "open('data', 'w').write('fork'); print(json.dumps([os.getcwd(), x]))") == [
        f"{fork['cwd']}/sub",
        1,
    ]
    assert (tmp_path / "sub" / "data").read_text() == "original"
    status, found = await isolated.request("GET", f"/context/{fork['id']}/files")
    assert (status, [it["path"] for it in found["files"]]) == (200, ["sub", "sub/data"])
    assert (await isolated.request("POST", f"/context/{fork['id']}/restart"))[0] == 200
    code = f"""
try:
    found = os.path.exists({str(tmp_path / "sub" / "data")!r}) and open({str(tmp_path / "sub" / "data")!r}, "a")
except PermissionError:
    found = False
open("new", "w").close()
print(json.dumps([bool(found), os.getcwd(), sorted(os.listdir())]))"""
    assert await told(isolated, fork["id"], code) == [False, fork["cwd"], ["new", "sub"]]
    await isolated.request("DELETE", f"/context/{fork['id']}")
    assert not is_there(fork["cwd"])
    assert os.listdir(tmp_path) == ["sub"]


async def test_a_fork_of_a_fork_works_in_the_same_copy(isolated: Client, tmp_path: Path) -> None:
    original = await isolated.create(cwd=str(tmp_path))
    (fork,) = await forked(isolated, original, cwd="copy")
    (same,) = await forked(isolated, fork["id"])
    (other,) = await forked(isolated, fork["id"], cwd="copy")
    assert same["cwd"] == fork["cwd"] != other["cwd"]
    await isolated.request("DELETE", f"/context/{fork['id']}")
    assert await told(isolated, same["id"], "open('made', 'w').close(); print(json.dumps(os.listdir()))") == ["made"]
    assert await told(isolated, other["id"], "print(json.dumps(os.listdir()))") == []
    for context in (same, other):
        await isolated.request("DELETE", f"/context/{context['id']}")
        assert not is_there(context["cwd"])


async def test_special_files_are_named_and_strict_refuses_them(isolated: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    original = await isolated.create(cwd=str(tmp_path))
    asked = {"cwd": "copy", "strict": True}
    status, body = await isolated.request("POST", f"/context/{original}/fork", json=asked)
    assert (status, body["code"]) == (409, "not_carried")
    status, body = await isolated.request("POST", f"/context/{original}/fork", json={"cwd": "copy"})
    assert status == 200
    assert ["fifo: a FIFO" in it["name"] for it in body["notCarried"]] == [True]


async def test_a_context_goes_back_to_its_checkpoint(isolated: Client, tmp_path: Path) -> None:
    context = await isolated.create(cwd=str(tmp_path))
    await isolated.run("x = 1", context)
    status, kept = await isolated.request("POST", f"/context/{context}/checkpoints", json={})
    assert status == 200, kept
    for _ in range(3):
        await isolated.run("x = 2; import os", context)
        status, body = await isolated.request("POST", f"/context/{context}/restore", json={"checkpoint": kept["id"]})
        assert status == 200, body
        assert await told(isolated, context, "print(x)") == 1
    await isolated.run("import os; os._exit(1)", context)
    assert (await isolated.request("POST", f"/context/{context}/restore", json={"checkpoint": kept["id"]}))[0] == 200
    assert await told(isolated, context, "print(x)") == 1


async def test_code_of_a_fork_may_not_use_the_daemon(standing: Standing, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        daemon = standing("--isolation", "standard", "--also-listen", f"unix:{path}", "--isolation-read", folder)
        async with Client(daemon.url) as client:
            original = await client.create(cwd=str(tmp_path))
            (fork,) = await forked(client, original)
            code = f"""
import socket
with socket.socket(socket.AF_UNIX) as one:
    try:
        one.connect({path!r})
        one.send(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        answer = one.recv(99).decode().split()[1]
    except OSError as error:
        answer = type(error).__name__
print(json.dumps(answer))"""
            for context in (original, fork["id"]):
                assert await told(client, context, code) in ("403", "FileNotFoundError", "PermissionError")


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SharedDaemon, Path]]:
    """Yield a daemon that has users for contexts, and a directory for them."""
    if os.geteuid():
        pytest.skip("only a superuser has users for contexts")
    with contextlib.ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        (folder / "place").mkdir()
        flags = ("--python", PYTHON, "--isolation", "standard", "--isolation-uids", f"{FIRST}-{FIRST + 7}")
        yield (
            until.enter_context(shared_daemon(tmp_path_factory.mktemp("uids"), *flags, "--cwd", str(folder / "place"))),
            folder / "place",
        )


async def test_a_fork_has_the_user_of_its_original(users: tuple[SharedDaemon, Path]) -> None:
    daemon, place = users
    (place / "data").write_text("original")
    async with Client(daemon.url) as client:
        original = await client.create()
        user = await told(client, original, "print(os.getuid())")
        (same,) = await forked(client, original)
        (own,) = await forked(client, original, cwd="copy")
        await client.request("DELETE", f"/context/{original}")
        for fork in (same, own):
            code = "open('made', 'w').close(); print(json.dumps([os.getuid(), open('data').read()]))"
            assert await told(client, fork["id"], code) == [user, "original"]
            status, body = await client.request("GET", f"/context/{fork['id']}/files")
            assert (status, {it["path"] for it in body["files"]}) == (200, {"data", "made"})
        assert os.stat(f"{own['cwd']}/data").st_uid == user, "the copy is the user's own"
        assert (place / "data").stat().st_uid == os.geteuid()
        assert (await client.request("POST", f"/context/{own['id']}/restart"))[0] == 200
        code = "open('again', 'w').close(); print(json.dumps([os.getuid(), os.getcwd()]))"
        assert await told(client, own["id"], code) == [user, own["cwd"]]
        for fork in (same, own):
            await client.request("DELETE", f"/context/{fork['id']}")
        assert not is_there(own["cwd"])


async def test_the_kernel_counts_the_processes_of_forks_together(users: tuple[SharedDaemon, Path]) -> None:
    daemon, _ = users
    async with Client(daemon.url) as client:
        original = await client.create(limits={"processes": 4})
        status, body = await client.request("POST", f"/context/{original}/fork", json={"count": 30})
        assert (status, body["code"]) == (503, "out_of_resources"), body
        assert "cannot fork: Resource temporarily unavailable" in body["error"]
        assert await told(client, original, "print(1)") == 1, "it goes on"
        assert len(await forked(client, original)) == 1
