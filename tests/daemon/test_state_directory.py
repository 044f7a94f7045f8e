"""The state directory of a daemon: what it is kept from, who has it, and what happens when it is full."""

import asyncio
import contextlib
import io
import os
import signal
from pathlib import Path

import pytest
from archiving import BAD, STATE, Standing, Start, archived, at, content, ids, loaded
from harness import COMMAND, Client, Gate, gone
from soon import soon


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


async def test_a_directory_has_one_daemon_at_a_time(standing: Standing, start_daemon: Start) -> None:
    first = standing(*STATE)
    path = Path(os.readlink(f"/proc/{first.pid}/cwd")) / "state"
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
