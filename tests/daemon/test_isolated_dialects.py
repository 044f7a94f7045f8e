"""Whatever API a client speaks: its contexts, commands and files have the daemon's isolation."""

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from connecting import Rpc, text_of
from harness import Client
from standing import SharedDaemon

SECRET = "nobody but the daemon's user"
E2B = {"User-Agent": "e2b-python-sdk/2.0"}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file of the daemon's user, outside of all directories of contexts."""
    made = tmp_path / "secret"
    made.write_text(SECRET)
    return made


@pytest.fixture
async def client(standing: Callable[..., SharedDaemon]) -> AsyncIterator[Client]:
    """Yield a client of a daemon that isolates all contexts."""
    async with Client(standing("--isolation", "standard").url) as client:
        yield client


def reading(secret: Path) -> str:
    """Return code that prints the secret if it can."""
    return f"try: print(open({str(secret)!r}).read())\nexcept OSError as error: print('refused', os.environ['HOME'])"


async def lines(client: Client, path: str, body: object, headers: dict[str, str]) -> str:
    async with client.http.post(client.url + path, json=body, headers=headers) as response:
        assert response.status == 200
        return await response.text()


async def test_the_native_api(client: Client, secret: Path) -> None:
    for context in (None, await client.create()):
        ran = await client.run("import os\n" + reading(secret), context)
        assert ran.stdout.startswith("refused /")


async def test_e2bs_code(client: Client, secret: Path) -> None:
    told = await lines(client, "/execute", {"code": "import os\n" + reading(secret)}, E2B)
    assert "refused" in told
    assert SECRET not in told


async def test_e2bs_commands(client: Client, secret: Path) -> None:
    async with aiohttp.ClientSession(client.url) as http:
        process = {"cmd": "/bin/sh", "args": ["-c", f"cat {secret} || echo refused $HOME"]}
        events = await Rpc(http).stream("process.Process/Start", {"process": process, "stdin": False})
    assert text_of(events).startswith("refused /")
    assert text_of(events).strip() != f"refused {os.environ['HOME']}"


async def test_e2bs_files(client: Client, secret: Path) -> None:
    async with client.http.get(f"{client.url}/files", params={"path": str(secret)}, headers=E2B) as response:
        assert response.status in (403, 404)
        assert SECRET not in await response.text()
    form = aiohttp.FormData()
    form.add_field("file", b"x", filename="x")
    path = str(secret.with_name("made"))
    async with client.http.post(f"{client.url}/files", params={"path": path}, data=form, headers=E2B) as response:
        assert response.status != 200
    assert os.listdir(secret.parent) == ["secret"]


async def test_opensandboxs_code_and_commands(client: Client, secret: Path) -> None:
    headers = {"User-Agent": "OpenSandbox-Python"}
    code = {"code": "import os\n" + reading(secret), "context": {"language": "python"}}
    for path, body in (("/code", code), ("/command", {"command": f"cat {secret} || echo refused"})):
        told = await lines(client, path, body, headers)
        assert "refused" in told
        assert SECRET not in told


async def test_jupyters_kernels(client: Client, secret: Path) -> None:
    async with client.http.post(client.url + "/api/kernels", json={}) as response:
        kernel = (await response.json())["id"]
    _, body = await client.request("GET", f"/context/{kernel}")
    assert body["isolation"]["profile"] == "standard"
    assert (await client.run("import os\n" + reading(secret), kernel)).stdout.startswith("refused")


async def test_clients_read_no_file_that_code_has_linked_from_elsewhere(client: Client, secret: Path) -> None:
    """A hard link is the file; a symbolic link, and a directory that was moved there, lead out as well."""
    beside = secret.parent / "beside"
    beside.mkdir()
    (beside / "file").write_text(SECRET)
    cwd = secret.parent / "cwd"
    cwd.mkdir()
    code = f"""
import json, os
done = []
for act, name in ((os.link, "hard"), (os.symlink, "soft"), (os.rename, "moved")):
    try:
        act({str(beside)!r} if name == "moved" else {str(secret)!r}, name)
        done.append(name)
    except OSError:
        pass
print(json.dumps(done))
"""
    context = await client.create(cwd=str(cwd))
    assert json.loads((await client.run(code, context)).stdout) == ["soft"]
    for path in ("hard", "soft", "moved/file"):
        status, body = await client.request("GET", f"/context/{context}/files/{path}")
        assert status in (403, 404), body
        assert SECRET not in json.dumps(body)
