"""Files in and out of contexts, against code that would lead the daemon out of the context's directory."""

import asyncio
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
from harness import Client

SWAPS = 300


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    return inside


async def fetch(client: Client, method: str, path: str, **options: Any) -> tuple[int, bytes]:
    async with client.http.request(method, client.base + path, **options) as response:
        return response.status, await response.read()


async def test_code_reads_what_was_uploaded_and_its_file_is_downloaded(client: Client, place: Path) -> None:
    files = f"/context/{await client.create(cwd=str(place))}/files"
    context = files.split("/")[2]
    assert (await fetch(client, "PUT", files + "/data/in.txt", data=b"6 7"))[0] == 201
    result = await client.run(
        "a, b = open('data/in.txt').read().split(); open('out', 'w').write(str(int(a) * int(b)))", context
    )
    assert result.error is None
    assert await fetch(client, "GET", files + "/out") == (200, b"42")


@pytest.mark.parametrize("target", ["..", "/", "../../inside/.."])
async def test_a_link_of_the_code_leads_nowhere(client: Client, place: Path, target: str) -> None:
    context = await client.create(cwd=str(place))
    secret = str(place.parent / "secret").lstrip("/") if target == "/" else "secret"
    await client.run(f"import os; os.symlink({target!r}, 'out'); os.symlink('out/' + {secret!r}, 'file')", context)
    for path in (f"out/{secret}", "file"):
        assert (await fetch(client, "GET", f"/context/{context}/files/{path}"))[0] == 403
        assert (await fetch(client, "PUT", f"/context/{context}/files/{path}", data=b"x"))[0] in (403, 409)
    assert (await fetch(client, "DELETE", f"/context/{context}/files/out/{secret}"))[0] == 403
    assert (await fetch(client, "DELETE", f"/context/{context}/files/out?recursive=true"))[0] == 200
    assert (place.parent / "secret").read_bytes() == b"secret"


async def test_the_directory_itself_is_not_swapped(client: Client, place: Path) -> None:
    context = await client.create(cwd=str(place))
    code = f"import os; os.rename({str(place)!r}, {str(place) + '2'!r}); os.symlink('.', {str(place)!r})"
    assert (await client.run(code, context)).error is None
    assert (await fetch(client, "GET", f"/context/{context}/files/secret"))[0] == 403
    assert (await fetch(client, "PUT", f"/context/{context}/files/new", data=b"x"))[0] == 403
    assert sorted(os.listdir(place.parent)) == ["inside", "inside2", "secret"]


async def test_code_that_swaps_names_all_the_time_gains_nothing(client: Client, place: Path) -> None:
    """The code makes ``d`` a directory and a link out, in turn; requests meanwhile reach only the directory."""
    context = await client.create(cwd=str(place))
    (place / "real").mkdir()
    (place / "real" / "secret").write_bytes(b"inside")
    (place / "link").symlink_to("..")
    (place / "d").symlink_to("real")
    swap = """
    import os
    while not os.path.exists('stop'):
        for target in ('link', 'real'):
            os.symlink(target, 'new'); os.rename('new', 'd')
    """
    async with client.running(textwrap.dedent(swap), contextId=context) as running:
        seen = set()
        for number in range(SWAPS):
            seen.add(await fetch(client, "GET", f"/context/{context}/files/d/secret"))
            status, _ = await fetch(client, "PUT", f"/context/{context}/files/d/n{number}", data=b"x")
            assert status in (201, 403, 404, 409, 500), status
        await fetch(client, "PUT", f"/context/{context}/files/stop", data=b"")
        assert (await running.finish()).error is None
    assert {body for status, body in seen if status == 200} <= {b"inside"}
    assert sorted(os.listdir(place.parent)) == ["inside", "secret"]


async def test_a_client_that_goes_within_its_upload_leaves_nothing(client: Client, place: Path) -> None:
    context = await client.create(cwd=str(place))
    sent = asyncio.Event()

    async def body() -> Any:
        yield b"x" * 100_000
        sent.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(fetch(client, "PUT", f"/context/{context}/files/new/file", data=body()))
    await sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The daemon answers in order on this loop: by now it has seen the end of the connection, or sees it before a file.
    assert (await fetch(client, "GET", f"/context/{context}/files/new/file"))[0] == 404
    assert os.listdir(place) == []


async def test_large_files_go_through_with_little_memory(client: Client, place: Path, standing_daemon: Any) -> None:
    files = f"/context/{await client.create(cwd=str(place))}/files"
    size = 64 << 20

    async def zeros(size: int = size) -> Any:
        for _ in range(size >> 20):
            yield b"\0" * (1 << 20)

    def peak_kib() -> int:
        lines = Path(f"/proc/{standing_daemon.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    await fetch(client, "PUT", files + "/warm", data=zeros(4 << 20))
    await fetch(client, "GET", files + "/warm")
    before = peak_kib()
    async with client.http.put(client.base + files + "/large", data=zeros()) as response:
        assert (await response.json())["size"] == size
    got = 0
    async with client.http.get(client.base + files + "/large") as response:
        async for data in response.content.iter_any():
            got += len(data)
    assert got == size
    assert peak_kib() - before < 8 << 10


async def test_a_page_among_the_files_is_a_download(client: Client, place: Path) -> None:
    files = f"/context/{await client.create(cwd=str(place))}/files"
    await fetch(client, "PUT", files + "/page.html", data=b"<script>alert(1)</script>")
    async with client.http.get(client.base + files + "/page.html") as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in response.headers["Content-Security-Policy"]
    headers = {"Origin": "http://elsewhere.example"}
    assert (await fetch(client, "GET", files + "/page.html", headers=headers))[0] == 403


async def execute(client: Client, **keys: Any) -> dict[str, Any]:
    status, answer = await client.request("POST", "/execute", json=keys)
    assert status == 200, answer
    return dict(answer)


async def test_the_end_lists_what_the_code_has_made_if_its_client_asks(client: Client, place: Path) -> None:
    context = await client.create(cwd=str(place))
    await fetch(client, "PUT", f"/context/{context}/files/in.csv", data=b"a")
    code = "import os; os.makedirs('d', exist_ok=True); open('d/out.png', 'wb').write(b'x')"
    made = await execute(client, code=code, contextId=context, files=True)
    assert made["files"] == [{"path": "d/out.png", "size": 1, "mimeType": "image/png"}]
    assert (await execute(client, code="1", contextId=context, files=True))["files"] == []
    assert "files" not in await execute(client, code=code, contextId=context)
    ends: list[tuple[str, str | None]] = [
        ("open('e', 'w').close(); 1/0", "e"),
        ("import time; open('t', 'w').close(); time.sleep(99)", "t"),
        ("open('x.txt', 'w').close(); exit()", "x.txt"),
        ("import os; open('y', 'w').close(); os._exit(1)", None),
    ]
    for code, listed in ends:
        async with client.connect() as socket:
            keys = {"files": True, "events": "v2", "timeout": 1 if "sleep" in code else 60}
            await socket.send_json({"code": code, "contextId": context, **keys})
            last: dict[str, Any] = {}
            while "outcome" not in last:
                last = await socket.receive_json()
            assert [it["path"] for it in last.get("files", [])] == ([] if listed is None else [listed])
            assert ("files" in last, "filesCut" in last) == (listed is not None, False)


async def test_a_worker_cannot_name_what_is_elsewhere(client: Client, place: Path) -> None:
    context = await client.create(cwd=str(place))
    code = "import os; os.symlink('..', 'up'); os.symlink('../secret', 'file')"
    assert (await execute(client, code=code, contextId=context, files=True))["files"] == []
