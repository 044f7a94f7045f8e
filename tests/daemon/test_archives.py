"""Archives of contexts, as clients see them: kept, carried away, loaded; and what happens when that is not possible."""

import asyncio
import contextlib
import io
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, Client, Daemon, Gate, gone
from soon import soon
from standing import SharedDaemon

Start = Callable[..., Awaitable[Daemon]]
Standing = Callable[..., SharedDaemon]
STATE = ("--state-dir", "state")
SETUP = """
import math
data = [1, 2, 3]
same = data
def total(): return sum(data) + math.floor(2.5)
"""


@contextlib.asynccontextmanager
async def at(daemon: Daemon | SharedDaemon) -> AsyncIterator[Client]:
    async with Client(daemon.url) as client:
        yield client


def directory(daemon: SharedDaemon) -> Path:
    """Return its state directory, if that is ``STATE``."""
    return Path(os.readlink(f"/proc/{daemon.pid}/cwd")) / "state"


@pytest.fixture
async def keeper(standing: Standing) -> AsyncIterator[Client]:
    """Yield a client of a daemon that many tests share; they have its archives together."""
    async with at(standing(*STATE)) as client:
        yield client
        for archive in await ids(client):
            await client.request("DELETE", f"/archives/{archive}")


async def archived(client: Client, code: str = SETUP, **keys: Any) -> dict[str, Any]:
    """Return the archive of a new context that has run ``code``."""
    context = await client.create(**keys)
    assert (await client.run(code, context)).error is None
    status, body = await client.request("POST", f"/context/{context}/archive", json={"name": "n"})
    assert status == 200, body
    return dict(body)


async def loaded(client: Client, archive: str, **keys: Any) -> dict[str, Any]:
    status, body = await client.request("POST", "/context", json={"archive": archive, **keys})
    assert status == 200, body
    return dict(body)


async def content(client: Client, archive_id: str) -> bytes:
    async with client.http.get(f"{client.base}/archives/{archive_id}/content") as response:
        assert response.status == 200
        return await response.read()


async def ids(client: Client) -> list[str]:
    return [it["archiveId"] for it in (await client.request("GET", "/archives"))[1]["archives"]]


async def contexts(client: Client) -> int:
    return len((await client.request("GET", "/contexts"))[1]["contexts"])


async def test_a_context_goes_on_in_another_one(keeper: Client) -> None:
    archive = await archived(keeper)
    assert set(archive["saved"]) == {"math", "data", "same", "total"}
    for named in (archive["archiveId"], "n"):
        context = await loaded(keeper, named, cwd="/")
        assert context["restored"] == {
            "archiveId": archive["archiveId"],
            "saved": archive["saved"],
            "skipped": [],
        }
        code = "data.append(4); print(total(), same is data); import os; print(os.getcwd())"
        assert (await keeper.run(code, context["id"])).stdout == "12 True\n/\n"
    assert await ids(keeper) == [archive["archiveId"]]
    assert (await keeper.request("GET", f"/archives/{archive['archiveId']}"))[1] == archive
    assert (await keeper.request("DELETE", f"/archives/{archive['archiveId']}"))[0] == 200
    assert await ids(keeper) == []
    assert (await keeper.request("POST", "/context", json={"archive": "n"}))[0] == 404


async def test_a_restart_of_such_a_context_begins_anew(keeper: Client) -> None:
    await archived(keeper)
    context = (await loaded(keeper, "n"))["id"]
    assert (await keeper.request("POST", f"/context/{context}/restart"))[0] == 200
    result = await keeper.run("data", context)
    assert result.error is not None
    assert result.error["name"] == "NameError"


async def test_an_archive_is_carried_to_a_daemon_that_has_the_key(
    keeper: Client, standing: Standing, start_daemon: Start, tmp_path: Path
) -> None:
    archive = await archived(keeper)
    data = await content(keeper, archive["archiveId"])
    (tmp_path / "other").mkdir(mode=0o700)
    shutil.copy(directory(standing(*STATE)) / "key", tmp_path / "other" / "key")
    async with at(await start_daemon("--state-dir", "other")) as client:
        path = f"/archives/{archive['archiveId']}/content"
        for _ in range(2):  # the second time it is there already
            assert await client.request("PUT", path, data=data) == (200, archive)
        context = (await loaded(client, archive["archiveId"]))["id"]
        assert (await client.run("print(total())", context)).stdout == "8\n"
        part = {"Range": f"bytes=8-{len(data) - 9}"}
        async with client.http.get(client.base + path, headers=part) as response:
            assert (response.status, await response.read()) == (206, data[8:-8])
            tag = response.headers["ETag"]
        async with client.http.get(client.base + path, headers={"If-None-Match": tag}) as response:
            assert response.status == 304


async def test_what_is_no_archive_of_ours_leaves_nothing(keeper: Client, start_daemon: Start, tmp_path: Path) -> None:
    archive = await archived(keeper)
    data = await content(keeper, archive["archiveId"])
    async with at(await start_daemon("--state-dir", "other")) as client:
        assert (tmp_path / "other").stat().st_mode & 0o7777 == 0o700
        path = f"/archives/{archive['archiveId']}/content"
        for sent, why in (
            (data, "is foreign: it was signed with another key"),
            (data[:-1], "is corrupt: its end is missing"),
            (data[:100] + bytes([data[100] ^ 1]) + data[101:], "is "),
            (b"", "is corrupt: it does not begin as an archive does"),
        ):
            status, body = await client.request("PUT", path, data=sent)
            assert (status, body["code"]) == (400, "archive_refused")
            assert body["error"].startswith("The archive that was sent " + why)
        for method, unknown in (("GET", path), ("DELETE", path.removesuffix("/content"))):
            async with client.http.request(method, client.base + unknown) as response:
                assert (response.status, (await response.json())["code"]) == (404, "archive_not_found")
        assert await ids(client) == []
        await soon(lambda: os.listdir(tmp_path / "other" / "archives") == [])


async def test_a_damaged_archive_makes_no_context(keeper: Client, standing: Standing) -> None:
    archive = await archived(keeper)
    path = directory(standing(*STATE)) / "archives" / archive["archiveId"]
    whole = path.read_bytes()
    there = await contexts(keeper)
    for damaged in (whole[:30] + b"\0\0" + whole[32:], whole[:-20], whole[:20]):
        path.write_bytes(damaged)
        status, body = await keeper.request("POST", "/context", json={"archive": archive["archiveId"]})
        assert (status, body["code"]) == (400, "archive_refused")
        assert body["error"].startswith(f"The archive {archive['archiveId']} is corrupt: ")
    assert await contexts(keeper) == there
    path.write_bytes(whole)
    await loaded(keeper, archive["archiveId"])


@pytest.mark.parametrize("place", ["state", "elsewhere/state"])
async def test_isolated_code_is_archived_and_sees_nothing_of_the_directory(
    start_daemon: Start, tmp_path: Path, place: str
) -> None:
    """Also if it works in the directory that holds it."""
    work, state = tmp_path / "work", tmp_path / "work" / "state"
    work.mkdir()
    if place != "state":
        state = tmp_path / place
    async with at(
        await start_daemon("--state-dir", str(state), "--isolation", "standard", "--cwd", str(work))
    ) as client:
        for profile in ("standard", "strict"):
            archive = await archived(client, isolation=profile)
            context = (await loaded(client, "n", isolation=profile))["id"]
            assert (await client.run("print(total())", context)).stdout == "8\n"
            for name in ("key", f"archives/{archive['archiveId']}"):
                result = await client.run(f"import os; os.open({str(state / name)!r}, os.O_RDONLY)", context)
                assert result.error is not None
                assert result.error["name"] in ("PermissionError", "FileNotFoundError")
            for change in (f"os.rename({str(state)!r}, 'mine')", f"os.mkdir({str(state / 'new')!r})"):
                assert (await client.run("import os; " + change, context)).error is not None
            if state.parent == work:
                status, body = await client.request("GET", f"/context/{context}/files/state/key")
                assert (status, body["code"]) == (403, "permission_denied")
        status, body = await client.request("POST", "/context", json={"cwd": str(state / "archives")})
        assert (status, body["code"]) == (400, "invalid_cwd")
    assert (state / "key").exists()


async def test_a_daemon_without_a_directory_names_the_flag(client: Client) -> None:
    context = await client.create()
    for method, path, body in (
        ("POST", f"/context/{context}/archive", {}),
        ("POST", "/context", {"archive": "n"}),
        ("GET", "/archives", None),
        ("GET", "/archives/a", None),
        ("DELETE", "/archives/a", None),
        ("GET", "/archives/a/content", None),
        ("PUT", "/archives/a/content", None),
    ):
        status, answer = await client.request(method, path, json=body)
        assert (status, answer["code"]) == (409, "no_state_directory"), path
        assert "--state-dir" in answer["error"]


async def test_a_directory_has_one_daemon_at_a_time(standing: Standing, start_daemon: Start) -> None:
    first = standing(*STATE)
    path = directory(first)
    second = await start_daemon("--state-dir", str(path))
    assert await second.ended() == 1
    why = f"interpreterd: the state directory {path} cannot be used: another daemon has it (pid {first.pid}, since "
    assert why in second.log.decode()


async def test_a_new_daemon_takes_the_directory_over(start_daemon: Start, tmp_path: Path, gate: Gate) -> None:
    """The old one still finishes its work, and archives."""
    daemon = await start_daemon(*STATE)
    async with at(daemon) as client:
        first = await archived(client)
        async with client.running(gate.wait + "; print(1)") as running:
            daemon.process.send_signal(signal.SIGUSR2)
            assert daemon.process.stdout is not None
            successor = (await daemon.process.stdout.readline()).decode()
            async with Client(daemon.url) as new:
                assert await ids(new) == [first["archiveId"]]
                await archived(new)
            gate.open()
            await running.finish()
        assert await daemon.process.wait() == 0  # its stderr is the new one's, too
    pid = int(successor.partition('"pid":')[2].partition("}")[0])
    await soon(lambda: f"pid {pid}, " in (tmp_path / "state" / "lock").read_text())
    third = await start_daemon(*STATE)
    assert f"another daemon has it (pid {pid}, " in third.log.decode()
    os.kill(pid, signal.SIGTERM)
    await gone(pid)


async def test_a_full_disk_is_told_and_the_context_goes_on(start_daemon: Start, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    mount = f'mount -t tmpfs -o size=2m,mode=700 none {tmp_path}/state && exec {COMMAND} "$@"'
    daemon = await start_daemon(
        *STATE,
        command=["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount", "sh", "-c", mount, "sh"],
    )
    if not daemon.announced:
        pytest.skip(f"no file system of the test's own can be mounted: {daemon.log.decode()}")
    async with at(daemon) as client:
        context = await client.create()
        await client.run("import os; small = 1; large = os.urandom(4 << 20)", context)
        for _ in range(2):
            status, body = await client.request("POST", f"/context/{context}/archive", json={})
            assert (status, body["code"]) == (507, "disk_full")
            assert body["error"] == "No space is left on the disk for the archive"
            assert await ids(client) == []
        assert (await client.run("print(small, len(large)); del large", context)).stdout == f"1 {4 << 20}\n"
        status, body = await client.request("POST", f"/context/{context}/archive", json={})
        assert (status, body["saved"]) == (200, ["os", "small"])  # nothing of the others has stayed
        data = await content(client, body["archiveId"])
        await client.request("DELETE", f"/archives/{body['archiveId']}")
        padded = io.BytesIO(data + bytes(4 << 20))
        status, answer = await client.request("PUT", f"/archives/{body['archiveId']}/content", data=padded)
        assert (status, answer["code"]) == (507, "disk_full")
        assert (await client.request("PUT", f"/archives/{body['archiveId']}/content", data=data))[0] == 200


async def test_all_archives_together_have_a_bound(start_daemon: Start) -> None:
    async with at(await start_daemon(*STATE, "--archives-total-bytes", "1M")) as client:
        await archived(client)
        context = await client.create()
        await client.run("import os; large = os.urandom(4 << 20)", context)
        status, body = await client.request("POST", f"/context/{context}/archive", json={})
        assert (status, body["code"]) == (503, "limit_reached")
        assert "--archives-total-bytes" in body["error"]
        assert (await client.run("print(len(large))", context)).stdout == f"{4 << 20}\n"
        assert len(await ids(client)) == 1


BAD = """
import os, signal
class Bad:
    def __reduce__(self):
        {}
"""
PIPES = """
import os
def pipes():
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try: found[os.readlink(f"/proc/self/fd/{fd}")] = fd
        except OSError: pass
    return found
before = pipes()
"""
FORGE = """for name, fd in pipes().items():
            if name.startswith("pipe:") and name not in before: os.write(fd, b"forged")
        return int, ()
"""


async def test_a_worker_that_dies_meanwhile_is_told(keeper: Client) -> None:
    context = await keeper.create()
    await keeper.run(BAD.format("os.kill(os.getpid(), signal.SIGKILL)") + "bad = Bad()", context)
    status, body = await keeper.request("POST", f"/context/{context}/archive", json={})
    assert (status, body["code"]) == (500, "operation_failed")
    assert await ids(keeper) == []
    assert (await keeper.run("print(1)", context)).stdout == "1\n"


async def test_code_that_writes_into_its_own_archive_spoils_only_that(keeper: Client) -> None:
    context = await keeper.create()
    code = PIPES + BAD.format(FORGE) + "bad = Bad()"
    await keeper.run(code, context)
    status, body = await keeper.request("POST", f"/context/{context}/archive", json={})
    assert status != 200, body
    assert await ids(keeper) == []
    assert (await keeper.run("print(1)", context)).stdout == "1\n"


async def test_an_archive_waits_for_its_turn(keeper: Client, gate: Gate) -> None:
    context = await keeper.create()
    async with keeper.running(gate.wait + "; late = 1", contextId=context) as running:
        await soon_busy(keeper, context)
        asking = asyncio.create_task(keeper.request("POST", f"/context/{context}/archive", json={}))
        gate.open()
        await running.finish()
        assert (await asking)[1]["saved"] == ["os", "late"]


async def soon_busy(client: Client, context: str) -> None:
    while (await client.request("GET", f"/context/{context}"))[1]["state"] != "busy":
        pass


async def test_the_daemon_does_not_hold_an_archive(start_daemon: Start) -> None:
    daemon = await start_daemon(*STATE)
    status = Path(f"/proc/{daemon.pid}/status")

    def peak_kb() -> int:
        return int(status.read_text().partition("VmHWM:")[2].split()[0])

    async with at(daemon) as client:
        await archived(client)
        await loaded(client, "n")
        before = peak_kb()
        archive = await archived(client, "import os; large = os.urandom(1 << 20) * 150")
        await loaded(client, archive["archiveId"])
        path = f"{client.base}/archives/{archive['archiveId']}/content"
        async with client.http.get(path) as response:
            async for _ in response.content.iter_chunked(1 << 20):
                pass
        assert peak_kb() - before < 64 << 10


async def test_a_daemon_that_is_killed_while_it_writes_leaves_only_whole_archives(
    start_daemon: Start, tmp_path: Path, gate: Gate
) -> None:
    daemon = await start_daemon(*STATE)
    async with at(daemon) as client:
        first = await archived(client)
        context = await client.create()
        slow = BAD.format(gate.wait.replace("\n", ";") + "; return int, ()")
        await client.run("import os; large = os.urandom(8 << 20)" + slow + "slow = Bad()", context)
        asking = asyncio.create_task(client.request("POST", f"/context/{context}/archive", json={}))
        await soon(lambda: sum(it.stat().st_size for it in (tmp_path / "state" / "archives").iterdir()) > 1 << 20)
        daemon.process.kill()
        with contextlib.suppress(Exception):
            await asking
    await daemon.ended()
    assert len(os.listdir(tmp_path / "state" / "archives")) == 2
    async with at(await start_daemon(*STATE)) as client:
        assert os.listdir(tmp_path / "state" / "archives") == [first["archiveId"]]
        await loaded(client, first["archiveId"])
